"""`make cases CASES=FOLDER`: specs of other people's faults, and whether mlspec does with each what is expected.

Each folder has a spec and a text with what is expected. This table says how it shows: in a finding, in a word of its
help, or in the output. A case that is not about one spec names the test that plays it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import mlspec

from .support import ROOT, files

__all__ = ["EXPECTED", "Expected", "seen"]


@dataclass(frozen=True)
class Expected:
    """What shows that a case is handled."""

    finds: str = ""
    """The id of a finding; the spec has no other error."""
    helps: str = ""
    """What its help says."""
    emits: str = ""
    """A regular expression that the output matches. Without `finds`, the spec compiles."""
    not_emits: str = ""
    played_by: str = ""
    """The test of a case that is not about one spec."""


EXPECTED: Mapping[str, Expected] = {
    "archive": Expected("MLS012", "unpack it"),
    "availability-without-page": Expected("MLS507"),
    "catalogue-says-the-opposite": Expected(played_by="tests/test_catalog_page.py"),
    "clip-reversed": Expected("MLS008"),
    "column-min-above-max": Expected("MLS008"),
    "dns-eks-auto": Expected(emits=r"port: 53\b", not_emits="kube-system"),
    "dns-gke": Expected(emits=r"port: 53\b", not_emits="kube-system"),
    "dst": Expected("MLS709"),
    "ephemeral-storage": Expected(emits=r"ephemeral-storage: \d+Mi"),
    "flux-canary": Expected("MLS614"),
    "folder-without-slash-mlflow": Expected("MLS012", "/`, if that folder"),
    "gate-that-cannot-pass": Expected("MLS211", "0.95"),
    "gateway-of-another-namespace": Expected("MLS608"),
    "gke-gateway-health": Expected("MLS608"),
    "hf-page-instead-of-file": Expected("MLS012", "resolve"),
    "hint-availability-number": Expected("MLS006", "99.5%"),
    "hint-gpu-t4": Expected(emits="nvidia.com/gpu: "),
    "nothing-to-run": Expected("MLS009"),
    "openshift-user": Expected("MLS407", "cloud: openshift"),
    "out-is-a-file": Expected(played_by="tests/test_traps_writing.py"),
    "own-label-selector": Expected("MLS012"),
    "placeholder-version": Expected("MLS305"),
    "prometheus-auth": Expected("MLS009", "auth: "),
    "query-in-file-name": Expected(emits="MLSPEC_MODEL_PATH\n +value: /models/m.onnx\n"),
    "retry-without-time": Expected(emits="activeDeadlineSeconds: 3600"),
    "sas-token": Expected("MLS901"),
    "sglang-embedding": Expected(emits="--is-embedding"),
    "stdin-from-elsewhere": Expected(played_by="tests/test_traps_messages.py"),
    "tensor-name-0": Expected(emits=r'name: "onnx::Shape_261"'),
    "timeout-below-p99": Expected("MLS612"),
    "training-only": Expected(emits="kind: CronJob"),
    "triton-batch-dimension": Expected("MLS416"),
    "tuning-min-above-max": Expected("MLS008"),
    "vllm-startup-small-model": Expected(emits="periodSeconds: 5\n +timeoutSeconds: 1\n +failureThreshold: 60\n"),
    "vllm-tp-3": Expected("MLS415", "count: 2"),
}


def seen(folder: Path, expected: Expected) -> tuple[bool, str]:
    """Whether all specs of a case are handled as expected, and what shows it."""
    if expected.played_by:
        return (ROOT / expected.played_by).is_file(), f"played by {expected.played_by}"
    said = [_of_spec(path, expected) for path in sorted(folder.glob("*.yaml"))]
    return bool(said) and all(good for good, _ in said), "; ".join(dict.fromkeys(text for _, text in said))


def _of_spec(path: Path, expected: Expected) -> tuple[bool, str]:
    result = mlspec.compile(path)
    errors = {one.id for one in result.diagnostics if one.severity == "error"}
    if expected.finds:
        found = [one for one in result.diagnostics if one.id == expected.finds]
        helped = any(expected.helps in one.help for one in found)
        return helped and errors <= {expected.finds}, found[0].message if found else f"no {expected.finds}"
    output = "\n".join(files(result).values())
    emitted = re.search(expected.emits, output)
    wrong = re.search(expected.not_emits, output) if expected.not_emits else None
    if errors or emitted is None:
        return False, f"errors: {', '.join(errors)}" if errors else "not in the output"
    return wrong is None, f"emits `{' '.join(emitted[0].split())}`"


def main(folder: Path) -> int:
    """Print the table; the exit status is 1 if a case is not as expected."""
    cases = sorted(path for path in folder.iterdir() if path.is_dir())
    lines = []
    for case in cases:
        expected = EXPECTED.get(case.name)
        good, what = seen(case, expected) if expected is not None else (False, "nothing says what is expected")
        lines.append((good, f"{'as expected' if good else 'NOT':12}{case.name:32}{what}"))
    sys.stdout.write("\n".join(line for _, line in lines) + "\n")
    return 0 if all(good for good, _ in lines) else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
