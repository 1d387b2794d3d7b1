"""Build the files of a release, the same bytes from the same commit: an sdist, a wheel, and a list of their contents.

    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) python requirements/release.py FOLDER
    python requirements/release.py FOLDER --only-list

setuptools writes the time and the user into an sdist, so it is packed again without them. The list is a software bill
of materials in the CycloneDX format: what `requirements/run.txt` locks, with its hashes, which is what `./quickstart`
and the image install. cyclonedx-py checks it against the schema of the format.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def build(folder: Path, epoch: int) -> None:
    """Write the three files to a folder."""
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    (sdist,) = folder.glob("*.tar.gz")
    sdist.write_bytes(repacked(sdist.read_bytes(), epoch))
    bill_of_materials(folder)


def repacked(archive: bytes, epoch: int) -> bytes:
    """The same files in order of their names, with one time and no user."""
    plain = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as before,
        tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as after,
    ):
        for member in sorted(before.getmembers(), key=lambda one: one.name):
            content = before.extractfile(member) if member.isreg() else None
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            after.addfile(member, content)
    return gzip.compress(plain.getvalue(), mtime=epoch)


def bill_of_materials(folder: Path) -> None:
    """Write and check the list of what is installed. cyclonedx-py needs the version, which is in the code."""
    found = re.search(r'^__version__ = "([^"]+)"', (ROOT / "mlspec" / "__init__.py").read_text(), re.MULTILINE)
    assert found is not None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"mlspec_compiler-{found.group(1)}.cdx.json"
    project = (ROOT / "pyproject.toml").read_text().replace('dynamic = ["version"]', f'version = "{found.group(1)}"')
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as known:
        known.write(project)
        known.flush()
        subprocess.run(
            [
                sys.executable, "-m", "cyclonedx_py", "requirements", str(ROOT / "requirements" / "run.txt"),
                "--pyproject", known.name, "--mc-type", "application", "--output-reproducible", "--of", "JSON",
                "--sv", "1.6", "--validate", "--output-file", str(path),
            ],
            check=True,
        )  # fmt: skip


if __name__ == "__main__":
    if "--only-list" in sys.argv:
        bill_of_materials(Path(sys.argv[1]))
    else:
        build(Path(sys.argv[1]), int(os.environ["SOURCE_DATE_EPOCH"]))
