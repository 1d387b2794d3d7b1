"""What tests of Argo Workflows share: the training system of the other tests, with workflows instead of CronJobs."""

from __future__ import annotations

import json
import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import mlspec
from mlspec import Result

from .retraining import PLATFORM, compiled, spec, told
from .support import EXAMPLES, dumped, loaded
from .validation import load

__all__ = ["ARGO", "FRAUD", "Body", "manifest", "named", "platform", "template", "with_workflows", "workflow"]

Body = dict[str, Any]

FRAUD = next(one for one in EXAMPLES if one.name == "fraud-scorer")
"""The example that trains and measures."""

ARGO: Body = {"orchestration": {"provider": "argo-workflows"}}


def platform(**sections: object) -> Body:
    """The platform of the other tests, with Argo Workflows and some sections more."""
    made = deepcopy(PLATFORM)
    made["platform"] |= {**ARGO, **sections}
    return made


def named(tmp_path: Path, own: Body | None = None, **changes: object) -> dict[tuple[str, str], Body]:
    """The objects, by kind and name."""
    result = compiled(tmp_path, spec(**changes), platform() if own is None else own)
    assert told(result) == []
    bodies = [load(file.text) for file in result.environments[0].bundle.files()]
    return {(body["kind"], body["metadata"]["name"]): body for body in bodies if "kind" in body}


def workflow(tmp_path: Path, own: Body | None = None, **changes: object) -> Body:
    """What the WorkflowTemplate of the training runs says."""
    found: Body = named(tmp_path, own, **changes)[("WorkflowTemplate", "fraud-retrain")]["spec"]
    return found


def template(made: Body, name: str) -> Body:
    """One of its templates."""
    found: Body = next(one for one in made["templates"] if one["name"] == name)
    return found


def manifest(made: Body, name: str = "run") -> Body:
    """The object that a template creates or changes."""
    found: Body = json.loads(template(made, name)["resource"]["manifest"])
    return found


def with_workflows(folder: Path) -> Result:
    """An example whose training runs are workflows."""
    own = loaded((FRAUD.parent / "mlspec.platform.yaml").read_text())
    own["platform"] |= ARGO
    (folder / ".git").mkdir(parents=True)
    (folder / "mlspec.platform.yaml").write_text(dumped(own))
    shutil.copytree(FRAUD, folder / FRAUD.name, ignore=shutil.ignore_patterns("out"))
    return mlspec.compile(folder / FRAUD.name / "mlspec.yaml")
