"""Training runs as workflows of Argo Workflows: the same Job, started by something else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import mlspec
from mlspec.targets.live import state_of

from .argo import FRAUD, manifest, named, platform, template, with_workflows, workflow
from .retraining import BY_HAND, compiled, cron, spec
from .scenes import promtool
from .support import dumped, files, objects, run
from .test_search_job import SEARCHED
from .test_training_nodes import NODES, QUEUED
from .validation import VERSIONS, problems, unrestricted

LOCAL: dict[str, Any] = {"retraining__timeZone": "Europe/Berlin"}
SHARED_VOLUMES = {"storage": {"sharedClass": "nfs"}}


# What is written


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "changes", [{}, BY_HAND, LOCAL, SEARCHED, QUEUED], ids=["plain", "by hand", "zone", "search", "queue"]
)
def test_objects_are_valid(tmp_path: Path, version: str, changes: dict[str, Any]) -> None:
    found = named(tmp_path, **changes)
    assert {"WorkflowTemplate", "CronWorkflow"} < {kind for kind, _ in found}
    assert not any(kind == "CronJob" for kind, _ in found)
    for (kind, _), body in found.items():
        assert list(problems(body, version)) == [], kind
        if kind == "WorkflowTemplate":
            job = manifest(body["spec"])
            assert list(problems(job, version)) == []
            assert list(unrestricted(job["spec"]["template"]["spec"])) == []


def test_the_job_is_that_of_the_cron_job(tmp_path: Path) -> None:
    """Retries, exit statuses, deadline, steps, volumes, accounts, and security: one definition for both."""
    job, other = manifest(workflow(tmp_path)), cron(tmp_path)["jobTemplate"]
    assert job["spec"].pop("ttlSecondsAfterFinished") > other["spec"].pop("ttlSecondsAfterFinished")
    assert job["spec"] == other["spec"]
    assert job["metadata"]["labels"] == other["metadata"]["labels"]


def test_several_nodes_train_as_before(tmp_path: Path) -> None:
    found = named(tmp_path, platform(**SHARED_VOLUMES), **NODES)
    job = manifest(found[("WorkflowTemplate", "fraud-retrain")]["spec"])
    steps = job["spec"]["template"]["spec"]["initContainers"]
    assert ["mlspec", "runtime", "launch", "--in-job"] in [step["command"] for step in steps]
    assert ("TrainingRuntime", "fraud-retrain") in found
    role = found[("Role", "fraud-retrain")]
    assert role["rules"][0]["resources"] == ["trainjobs"]


def test_a_search_has_its_own_workflow_and_mutex(tmp_path: Path) -> None:
    found = named(tmp_path, **SEARCHED)
    search = found[("WorkflowTemplate", "fraud-search")]["spec"]
    assert search["synchronization"] == {"mutexes": [{"name": "fraud-search"}]}
    containers = manifest(search)["spec"]["template"]["spec"]["containers"]
    assert containers[0]["command"] == ["mlspec", "runtime", "tune", "--in-job"]
    assert found[("CronWorkflow", "fraud-search")]["spec"]["workflowSpec"] == {
        "workflowTemplateRef": {"name": "fraud-search"}
    }


def test_runs_by_hand_have_a_suspended_schedule_that_says_how_to_start_one(tmp_path: Path) -> None:
    made = named(tmp_path, **BY_HAND)[("CronWorkflow", "fraud-retrain")]
    assert made["spec"]["suspend"] is True
    about = made["metadata"]["annotations"]["kubernetes.io/description"]
    assert about.endswith("to start a run: argo submit -n default --from cronwf/fraud-retrain --name fraud-retrain-1")


def test_a_whole_example_compiles_with_workflows(tmp_path: Path) -> None:
    before, result = mlspec.compile(FRAUD / "mlspec.yaml"), with_workflows(tmp_path / "system")
    assert [found.message for found in result.diagnostics] == [found.message for found in before.diagnostics]
    assert not [body for body in objects(result, "CronJob") if "retrain" in str(body["metadata"])]
    for body in objects(result):
        if body["kind"] != "Kustomization":
            assert list(problems(body, "1.33")) == []
    assert not any("kubectl create job" in content for content in files(result).values())


# Traps of Argo Workflows


def test_trap_singular_fields_no_longer_exist_in_argo_4(tmp_path: Path) -> None:
    """4.0 drops `schedule` and `mutex` silently, and the run would never start, or two would run at once."""
    found = named(tmp_path)
    schedule = found[("CronWorkflow", "fraud-retrain")]["spec"]
    assert schedule["schedules"] == ["0 3 * * 1"]
    assert "schedule" not in schedule
    assert found[("WorkflowTemplate", "fraud-retrain")]["spec"]["synchronization"] == {
        "mutexes": [{"name": "fraud-retrain"}]
    }


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_trap_the_time_zone_of_a_cron_workflow_has_a_lowercase_z_and_no_useful_default(
    tmp_path: Path, zone: str
) -> None:
    made = named(tmp_path, retraining__timeZone=zone)[("CronWorkflow", "fraud-retrain")]["spec"]
    assert made["timezone"] == zone
    assert "timeZone" not in made


def test_trap_a_run_that_is_missed_is_lost_without_a_starting_deadline(tmp_path: Path) -> None:
    made = named(tmp_path)[("CronWorkflow", "fraud-retrain")]["spec"]
    assert made["startingDeadlineSeconds"] == 7 * 86400 - 9000  # a week minus the deadline of a run


def test_trap_runs_overlap_by_default(tmp_path: Path) -> None:
    assert named(tmp_path)[("CronWorkflow", "fraud-retrain")]["spec"]["concurrencyPolicy"] == "Forbid"


@pytest.mark.parametrize(
    ("changes", "guarded"),
    [({}, False), (LOCAL, True), ({**LOCAL, "retraining__schedule": "0 * * * *", "training__fit": "5m"}, False)],
    ids=["UTC", "weekly", "hourly"],
)
def test_trap_a_local_time_comes_twice_when_clocks_go_back(
    tmp_path: Path, changes: dict[str, Any], guarded: bool
) -> None:
    made = named(tmp_path, **changes)[("CronWorkflow", "fraud-retrain")]["spec"]
    last = "cronworkflow.lastScheduledTime"
    guard = f"{{{{= {last} == nil || (now() - {last}).Seconds() > 7200 }}}}"
    assert made.get("when") == (guard if guarded else None)


def test_trap_a_workflow_appends_its_time_to_the_name_of_a_cron_workflow(tmp_path: Path) -> None:
    longest = named(tmp_path, metadata__name="f" * 40)
    (name,) = [name for kind, name in longest if kind == "CronWorkflow"]
    assert len(name) <= 52
    assert len(f"{name}-1764000000") <= 63


def test_trap_a_final_no_is_not_retried(tmp_path: Path) -> None:
    """The Job decides what is retried. A pod that waits for it and is retried finds the same Job again."""
    made = workflow(tmp_path)
    job, run = manifest(made), template(made, "run")
    assert job["metadata"]["name"] == "{{workflow.name}}"
    assert run["resource"]["action"] == "apply"  # `create` would fail if the Job exists
    (final, disruption) = job["spec"]["podFailurePolicy"]["rules"]
    assert final["action"] == "FailJob"
    assert final["onExitCodes"] == {"operator": "In", "values": [42]}
    assert (disruption["action"], job["spec"]["backoffLimit"]) == ("Ignore", 1)
    assert "lastRetry.message contains 'failure condition'" in run["retryStrategy"]["expression"]


def test_trap_a_default_retry_policy_leaves_out_evictions(tmp_path: Path) -> None:
    """The default without an expression is `OnFailure`; with one, it is `Always`, so a pod that is gone counts."""
    retry = template(workflow(tmp_path), "run")["retryStrategy"]
    assert retry["limit"] > 0
    assert "expression" in retry
    assert "retryPolicy" not in retry


JOBS = {
    "new": ({}, None),
    "running": ({"active": 1}, None),
    "one try failed": ({"active": 1, "failed": 1, "conditions": []}, None),
    "ending": ({"failed": 1, "conditions": [{"type": "FailureTarget"}]}, None),
    "failed": ({"failed": 1, "conditions": [{"type": "FailureTarget"}, {"type": "Failed"}]}, False),
    "failed on an older server": ({"failed": 2, "conditions": [{"type": "Failed"}]}, False),
    "failed after a queue": (
        {"failed": 1, "conditions": [{"type": "Suspended"}, {"type": "FailureTarget"}, {"type": "Failed"}]},
        False,
    ),
    "done": ({"succeeded": 1, "conditions": [{"type": "SuccessCriteriaMet"}, {"type": "Complete"}]}, True),
}


@pytest.mark.parametrize("state", JOBS)
def test_trap_conditions_of_a_resource_cannot_search_a_list(tmp_path: Path, state: str) -> None:
    """Argo reads them as label selectors whose keys are paths of gjson: `#(...)` is not one of their characters."""
    status, expected = JOBS[state]
    resource = template(workflow(tmp_path), "run")["resource"]
    failures = [part.partition("=") for part in resource["failureCondition"].split(",")]
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", path) for path, _, _ in failures)
    failed = any(at({"status": status}, path) == value for path, _, value in failures)
    assert resource["successCondition"] == "status.succeeded > 0"
    succeeded = (at({"status": status}, "status.succeeded") or 0) > 0
    assert (False if failed else True if succeeded else None) is expected


def at(body: Any, path: str) -> Any:
    """The value at a path of gjson, as far as it is used here."""
    for step in path.split("."):
        if isinstance(body, list):
            body = body[int(step)] if int(step) < len(body) else None
        else:
            body = body.get(step) if isinstance(body, dict) else None
    return body


def test_trap_argo_replaces_what_is_in_braces(tmp_path: Path) -> None:
    env = {"GREETING": "Dear {{customer}}"}
    result = compiled(tmp_path, spec(training__env=env), platform())
    (found,) = [one for one in result.found if one.message.startswith("Argo Workflows")]
    assert (found.id, found.message) == ("MLS012", "Argo Workflows would replace what is in `{{` and `}}` here")
    assert dumped(spec(training__env=env)).splitlines()[found.span.line].endswith("Dear {{customer}}")
    assert found.message not in [one.message for one in compiled(tmp_path, spec(training__env=env)).found]


def test_trap_only_our_own_braces_are_in_a_manifest(tmp_path: Path) -> None:
    for one in workflow(tmp_path)["templates"]:
        if "resource" in one:
            assert re.findall(r"{{.*?}}", one["resource"]["manifest"]) == ["{{workflow.name}}"]


def test_trap_argo_leaves_the_job_of_a_workflow_that_it_stops(tmp_path: Path) -> None:
    """The Job would go on with its accelerators, while the mutex is free for the next run."""
    made = workflow(tmp_path)
    patch = manifest(made, "stop")
    assert patch["metadata"]["name"] == "{{workflow.name}}"
    assert patch["spec"] == {"activeDeadlineSeconds": 1}
    assert template(made, "stop")["resource"]["action"] == "patch"
    assert template(made, "run")["resource"]["setOwnerReference"] is True


def test_trap_the_expression_of_an_exit_hook_has_no_effect(tmp_path: Path) -> None:
    made = workflow(tmp_path)
    assert "hooks" not in made
    (task,) = template(made, made["onExit"])["dag"]["tasks"]
    assert (task["template"], task["when"]) == ("stop", "{{workflow.status}} != Succeeded")


def test_trap_outputs_of_skipped_steps_end_a_workflow(tmp_path: Path) -> None:
    """And a bare name in `depends` lets a step run after one that was skipped. The steps are in one pod instead."""
    for one in workflow(tmp_path)["templates"]:
        assert not {"inputs", "outputs"} & set(one)
        assert not [task for task in one.get("dag", {}).get("tasks", ()) if "depends" in task]


def test_trap_code_of_the_author_gets_no_right_to_create_jobs(tmp_path: Path) -> None:
    found = named(tmp_path)
    made = found[("WorkflowTemplate", "fraud-retrain")]["spec"]
    pod = manifest(made)["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] != made["serviceAccountName"] == "fraud-retrain-workflow"
    assert pod["automountServiceAccountToken"] is False
    rights = {
        (resource, verb)
        for rule in found[("Role", "fraud-retrain-workflow")]["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert rights == {
        ("workflowtaskresults", "create"),
        ("workflowtaskresults", "patch"),
        ("workflows/finalizers", "update"),  # OpenShift asks for it if an owner blocks deletion
        ("jobs", "create"),
        ("jobs", "get"),
        ("jobs", "patch"),
    }


def test_trap_a_policy_of_the_namespace_keeps_workflows_from_the_api_server(tmp_path: Path) -> None:
    policy = named(tmp_path)[("NetworkPolicy", "fraud-retrain-workflow")]["spec"]
    labels = workflow(tmp_path)["podMetadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert {"protocol": "TCP", "port": 6443} in policy["egress"][-1]["ports"]


def test_trap_a_queue_only_knows_pods_of_workflows(tmp_path: Path) -> None:
    """So the label is on the Job, which waits as a whole, and nothing limits the time that the workflow waits."""
    made = workflow(tmp_path, **QUEUED)
    assert manifest(made)["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "ml"
    assert not [key for key in made["podMetadata"]["labels"] if key.startswith("kueue")]
    assert "activeDeadlineSeconds" not in made
    limit = workflow(tmp_path)["activeDeadlineSeconds"]
    assert limit == 3600 + manifest(made)["spec"]["activeDeadlineSeconds"]


@pytest.mark.parametrize("kind", ["WorkflowTemplate", "CronWorkflow"])
def test_trap_minimal_definitions_accept_anything(tmp_path: Path, kind: str) -> None:
    """Most clusters install them, so a misspelled field would have no effect. Ours list the fields that we write."""
    (body,) = [one for (of, _), one in named(tmp_path, **LOCAL).items() if of == kind]
    assert list(problems(body, VERSIONS[-1])) == []
    assert list(problems({**body, "spec": {**body["spec"], "timeZone": "UTC"}}, VERSIONS[-1])) != []


# What watches the runs


def expressions(tmp_path: Path) -> dict[str, str]:
    groups = named(tmp_path)[("PrometheusRule", "fraud-retrain")]["spec"]["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def test_trap_the_metrics_of_argo_start_again_with_its_controller(tmp_path: Path) -> None:
    for expression in expressions(tmp_path).values():
        assert "argo" not in expression
        assert "kube_cronjob" not in expression
        assert "kube_job_" in expression or "kube_configmap_info" in expression


def test_trap_an_alert_on_the_last_success_needs_its_job(tmp_path: Path) -> None:
    """After two weeks and the deadline, the alert fires. The Job, and the workflow that owns it, are there longer."""
    made = workflow(tmp_path)
    limit = int(expressions(tmp_path)["TrainingStale"].rpartition("> ")[2])
    assert limit == 2 * 7 * 86400 + 9000
    assert manifest(made)["spec"]["ttlSecondsAfterFinished"] == limit + 86400
    assert made["ttlStrategy"] == {"secondsAfterCompletion": limit + 86400}


def test_the_alerts_pass_promtool(tmp_path: Path) -> None:
    groups = named(tmp_path)[("PrometheusRule", "fraud-retrain")]["spec"]["groups"]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": groups}))
    done = promtool(tmp_path, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_state_of_a_cron_workflow_shows_what_argo_cannot_start(tmp_path: Path) -> None:
    live = named(tmp_path)[("CronWorkflow", "fraud-retrain")]
    state = state_of(live)
    assert state is not None
    assert (state.phase, state.said) == ("healthy", "waits for its next run")
    assert dict(state.facts) == {"schedule": "0 3 * * 1 UTC", "last run": "never", "succeeded": "0", "failed": "0"}
    live["status"] = {"active": None, "conditions": [{"type": "SpecError", "message": "unknown time zone"}]}
    state = state_of(live)
    assert state is not None
    assert (state.phase, state.message) == ("degraded", "unknown time zone")


def test_the_process_that_measures_starts_a_workflow(tmp_path: Path) -> None:
    result = with_workflows(tmp_path / "system")
    (config,) = [json.loads(text) for body in objects(result) for text in [monitor(body)] if text]
    assert config["run"] == {"cronWorkflow": "fraud-scorer-retrain"}
    rules = [body["rules"] for body in objects(result, "Role") if "cronworkflows" in json.dumps(body)]
    assert rules == [
        [
            {
                "apiGroups": ["argoproj.io"],
                "resources": ["cronworkflows"],
                "resourceNames": ["fraud-scorer-retrain"],
                "verbs": ["get", "patch"],
            },
            {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["create", "list"]},
        ]
    ]


def monitor(body: dict[str, Any]) -> str | None:
    data = body.get("data")
    return data.get("monitor.json") if isinstance(data, dict) else None


def test_the_alerts_pass_their_own_tests(tmp_path: Path) -> None:
    system = tmp_path / "system"
    with_workflows(system)
    done = run("compile", system / FRAUD.name / "mlspec.yaml", "--env", "production", "--out", tmp_path / "out")
    assert done.status == 0, done.err
    (folder,) = (tmp_path / "out").rglob("monitoring")
    tests = sorted(folder.glob("tests-retrain*.yaml"))
    assert tests
    assert any("kube_job_created" in test.read_text() for test in tests)
    for test in tests:
        passed = promtool(folder, "test", "rules", test.name)
        assert passed.returncode == 0, passed.stdout + passed.stderr
