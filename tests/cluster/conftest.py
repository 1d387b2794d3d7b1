"""One ground for all tests of a run. What it needs and does not find is a failure, not a skip."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from ..support import ROOT
from .canaries import Canary, run
from .ground import Ground
from .programs import PACKAGES, debian, version_of
from .proof import Proof
from .scenarios import LONGEST, SCENARIOS

PAGE = ROOT / "docs" / "proof.md"
PROOF = Proof()


@pytest.fixture(scope="session")
def proof() -> Proof:
    """Where tests note what they saw."""
    return PROOF


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Everything that runs. At the end, no program may have ended by itself."""
    made = Ground(tmp_path_factory.mktemp("ground"))
    try:
        made.start()
        _tell(made)
        yield made
        assert made.plane.ended() == []
        assert made.network.failures == []
        assert made.kubelet.failures == []
    finally:
        made.stop()


@pytest.fixture(scope="session")
def releases(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[dict[str, Canary]]]:
    """The new versions of all scenarios, which roll out while other tests run."""
    with ThreadPoolExecutor(1, "releases") as pool:
        yield pool.submit(run, ground, tmp_path_factory.mktemp("canaries"), SCENARIOS, LONGEST)


@pytest.fixture(scope="session", autouse=True)
def _begin_early(request: pytest.FixtureRequest) -> None:
    """Canaries take ten minutes: the first test starts them, and the last ones look at them."""
    if any(_waits(item) for item in request.session.items):
        request.getfixturevalue("releases")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use the ground, and put those that wait for the canaries last."""
    for item in items:
        if "ground" in getattr(item, "fixturenames", ()):
            item.add_marker("ground")
    items.sort(key=_waits)


def _waits(item: pytest.Item) -> bool:
    return "releases" in getattr(item, "fixturenames", ())


def _tell(ground: Ground) -> None:
    title, columns = "What ran", ("program", "version", "from")
    for name, module, path in (
        ("API server, controller manager, scheduler, kubectl", "kubernetes", "k8s.io/kubernetes"),
        ("Argo Rollouts", "rollouts", "github.com/argoproj/argo-rollouts"),
        ("rclone", "rclone", "github.com/rclone/rclone"),
        ("Prometheus 3", "prometheus", "github.com/prometheus/prometheus"),
        ("Alertmanager", "alertmanager", "github.com/prometheus/alertmanager"),
        ("definitions of the Gateway API", "rollouts", "sigs.k8s.io/gateway-api"),
        ("definitions of KEDA", "keda", "github.com/kedacore/keda/v2"),
        ("definition of dashboards of the Grafana operator", "grafana", "github.com/grafana/grafana-operator/v5"),
        ("definitions of Kubeflow Trainer", "trainer", "github.com/kubeflow/trainer/v2"),
        ("definitions of Argo Workflows", "argo", "github.com/argoproj/argo-workflows/v4"),
        ("definitions of the Prometheus operator", "crds", "github.com/prometheus-operator/prometheus-operator"),
    ):
        PROOF.row(title, columns, name, version_of(module, path), "the Go module, built or read here")
    for program in PACKAGES:
        said = subprocess.run([debian(program), "--version"], capture_output=True, text=True, check=True)
        words = (said.stdout + said.stderr).replace(",", " ").split()
        number = next(word for word in words if word[0].isdigit())
        PROOF.row(title, columns, program, number, "Debian's package")
    PROOF.row(title, columns, "traffic router plugin", "ours", "a stand-in for argoproj-labs/gatewayAPI 0.15.0")
    PROOF.row("Start", ("what", "seconds"), "control plane", f"{ground.times['control plane']:.0f}")
    PROOF.row("Start", ("what", "seconds"), "everything", f"{ground.times['everything']:.0f}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the controllers and Prometheus saw to the report of a failed test."""
    report = yield
    ground = getattr(item, "funcargs", {}).get("ground")
    if call.when == "call" and report.failed and ground is not None:
        report.sections.append(("Releases under way", ground.told()))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables; `make proof` also writes the page, if all tests passed."""
    if not PROOF.tables:
        return
    terminalreporter.write_line(PROOF.markdown())
    if os.environ.get("MLSPEC_PROOF") and not terminalreporter.stats.get("failed"):
        PAGE.write_text(PROOF.markdown())
