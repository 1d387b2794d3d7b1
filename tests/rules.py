"""Shared by the tests of rules: a small spec, and a way to lay fragments over it.

A fragment becomes the overlay of an environment. So the language's own merging applies, and what a reader copies from
the documentation is what was compiled.
"""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent

from mlspec.compiler.diagnostics import Diagnostic

from .support import compile_text

DIGEST = "sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd"

# The smallest spec that trains and serves. Rules may report what it lacks, for both of their fragments.
BASE = f"""
apiVersion: mlspec/v1
kind: MLSystem
metadata: {{name: base, owner: payments-ml}}
problem: {{useCase: Stop fraudulent payments., task: binary-classification}}
constraints:
  throughput: {{mean: 20/s, peak: 60/s}}
model:
  signature:
    outputs: [{{name: score, dtype: float32}}]
release:
  version: 1
  artifact: {{uri: "https://models.example.com/fraud.onnx", format: onnx, digest: "{DIGEST}", size: 4Mi}}
training:
  image: registry.example.com/train@{DIGEST}
  steps: {{train: {{}}}}
serving: {{mode: online, runtime: triton, serviceTime: {{mean: 2ms}}}}
"""

# Labels that arrive long after their rows.
LATE = """
data:
  columns: [{name: at, dtype: timestamp}, {name: is_fraud, dtype: bool}]
  labels: {column: is_fraud, delay: 45d}
"""


def laid_over(tmp_path: Path, fragment: str, base: str = BASE) -> list[Diagnostic]:
    """The findings in the base with a fragment over it; a line `# name.yaml` starts another file."""
    tmp_path.mkdir(exist_ok=True)
    over, *others = re.split(r"^# (\S+\.yaml)\n", fragment, flags=re.MULTILINE)
    for name, text in zip(others[::2], others[1::2], strict=True):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    spec = f"{base}environments:\n  test:\n    spec:\n{indent(over, ' ' * 6)}\n" if over.strip() else base
    return list(compile_text(tmp_path, spec, today="2026-11-23").diagnostics)


def findings(tmp_path: Path, id_: str, fragment: str, base: str = BASE) -> list[Diagnostic]:
    """The findings with one id."""
    return [d for d in laid_over(tmp_path, fragment, base) if d.id == id_]


def one(tmp_path: Path, id_: str, fragment: str, base: str = BASE) -> Diagnostic:
    """The only finding with an id."""
    (found,) = findings(tmp_path, id_, fragment, base)
    return found
