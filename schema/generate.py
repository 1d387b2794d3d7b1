"""`python -m mlspec.schema.generate [--check]`: generate files from models and catalog, or fail if they are stale."""

from __future__ import annotations

import sys
from pathlib import Path

from .introspect import describe
from .models import MLSystem, PlatformFile, ReleaseFile
from .render_catalog import catalog_modules
from .render_code import language_module, system_module
from .render_schema import schema_text

ROOT = Path(__file__).resolve().parent.parent


def generated() -> dict[Path, str]:
    """Every generated file and its content."""
    language = describe(MLSystem, ReleaseFile, PlatformFile)
    return {
        ROOT / "compiler" / "system.py": system_module(language),
        ROOT / "compiler" / "language.py": language_module(language),
        **catalog_modules(ROOT / "compiler" / "catalog"),
        ROOT / "schema" / "mlspec.v1.schema.json": schema_text(language),
    }


def main(arguments: list[str]) -> int:
    """Write the files; with `--check`, list the stale ones and write nothing."""
    stale = {path: text for path, text in generated().items() if not path.exists() or path.read_text() != text}
    for path, text in stale.items():
        if "--check" in arguments:
            sys.stderr.write(f"{path.relative_to(ROOT)} is stale: run `make generate`\n")
        else:
            path.write_text(text)
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
