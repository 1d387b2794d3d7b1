"""The catalog, held against the servers themselves: each runs as the emitted pod says, is asked, and is scraped."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import yaml

from mlspec.schema.units import Memory

from .. import online, recording
from ..support import ROOT
from .proof import Proof
from .real_servers.container import Answer, Container, Image, until
from .real_servers.scrapes import Scrape, Selector, selectors
from .real_servers.servers import IMAGES, SERVERS, Server

TITLE = "Servers"
COLUMNS = ("server", "what", "seen")

TARGET = {
    "namespace": "default",
    "job": "default/fraud",
    "app_kubernetes_io_version": "7",
    "rollouts_pod_template_hash": "{{args.canary-hash}}",
}
"""The labels that the PodMonitor adds to a pod of the new version; the analysis gets the hash from Argo Rollouts."""

LIVE = {**TARGET, "rollouts_pod_template_hash": "5d9c7f6b8"}
"""Those of a pod of the live version."""


TOO_OLD_FOR_HISTOGRAMS = ("triton",)
"""PyPI's version does not export latencies by bucket; the image in the catalog does."""


def _entry(runtime: str) -> dict[str, Any]:
    text = (ROOT / "compiler" / "catalog" / "runtimes" / f"{runtime}.yaml").read_text()
    made: dict[str, Any] = yaml.safe_load(text)
    return made


def _in_flight(runtime: str) -> dict[str, Any]:
    found: dict[str, Any] = _entry(runtime)["metrics"]["inFlight"]
    return found


@dataclass
class Served:
    """A server, and the container that runs it."""

    runtime: str
    server: Server
    image: Image
    model: Path
    emitted: online.Emitted
    container: Container
    said: list[tuple[int | None, int | None]] = field(default_factory=list)
    """What the startup and the readiness probe said until the startup probe succeeded."""
    took: float = 0.0
    """The seconds until then."""

    @cached_property
    def catalog(self) -> dict[str, Any]:
        """The runtime's entry in the catalog."""
        return _entry(self.runtime)

    def ask(self, first: float, timeout: float = 30) -> Answer:
        """Send an inference request."""
        return self.container.ask("http", self.server.path, self.server.body(first), timeout)

    def scrape(self) -> Scrape:
        """The metrics, as those of the new version."""
        return Scrape(self.container.scrape(), TARGET)

    def of_both(self) -> tuple[Scrape, Scrape]:
        """The metrics, as those of the new version and of the live one."""
        text = self.container.scrape()
        return Scrape(text, TARGET), Scrape(text, LIVE)

    def series(self, kind: str) -> list[Selector]:
        """The counters of the catalog for requests or errors."""
        metrics = self.catalog["metrics"].get(kind, [])
        return [Selector.of(one["series"], _match(one)) for one in metrics]

    def bucket(self, bound: float | str) -> list[Selector]:
        """The series of one bucket of the latency histogram."""
        latency = self.catalog["metrics"]["latency"]
        text = bound if isinstance(bound, str) else f"{bound:g}([.]0)?"
        le = "[+]Inf" if text == "+Inf" else text
        return [Selector.of(f"{latency['series']}_bucket", f'{_match(latency)},le=~"{le}"')]


def _match(series: dict[str, Any]) -> str:
    return str(series.get("match", "")).replace("{model}", "fraud")


@pytest.fixture(scope="module", params=SERVERS)
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, proof: Proof) -> Iterator[Served]:
    """Each server, as its pod starts it."""
    folder = tmp_path_factory.mktemp(request.param)
    server = SERVERS[request.param]
    image, model = server.make(folder)
    spec = folder / "spec"
    spec.mkdir()
    emitted = online.emitted(spec, request.param, **server.changes)
    proof.row(TITLE, COLUMNS, request.param, "version", f"{server.package} {server.version}")
    with Container(emitted, image, model, folder) as container:
        yield Served(request.param, server, image, model, emitted, container)


@pytest.fixture(scope="module")
def running(served: Served, proof: Proof) -> Served:
    """Each server, once its startup probe has succeeded; it was never ready before."""
    served.said = served.container.start()
    served.took = time.monotonic() - served.container.began
    before = sorted({str(status or "no answer") for status, _ in served.said[:-1]})
    proof.row(TITLE, COLUMNS, served.runtime, "startup probe", f"{', '.join(before)}; 200 after {served.took:.1f} s")
    return served


@pytest.fixture(scope="module")
def second(running: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Another container of the same pod, which one test crashes and the last one ends."""
    folder = tmp_path_factory.mktemp(running.runtime)
    with Container(running.emitted, running.image, running.model, folder) as container:
        container.start()
        yield Served(running.runtime, running.server, running.image, running.model, running.emitted, container)


def test_a_server_without_its_model_gets_no_requests(running: Served) -> None:
    startup = [status for status, _ in running.said]
    assert running.took > 3, "loading takes three seconds"
    assert len(startup) > 1
    assert 200 not in startup[:-1]
    assert running.ask(0, timeout=1).status == 200, "the first request after the startup probe"


def test_a_good_server_passes_its_probes(running: Served) -> None:
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert running.container.probe(name) == 200, name


def test_an_inference_request_gets_an_answer(running: Served) -> None:
    answer = running.ask(0)
    assert answer.status == 200, answer
    assert running.server.output(answer.json) == [0], answer


def test_requests_are_counted_by_their_outcome(running: Served, proof: Proof) -> None:
    _ask_all(running)
    time.sleep(running.server.lag)
    before = running.scrape()
    good, failures, mistakes = _ask_all(running)
    assert failures == [running.server.failure] * 2
    assert mistakes == [one.status for one in running.server.mistakes]
    assert good == [200] * 3
    time.sleep(running.server.lag)
    after = running.scrape()

    def counted(kind: str) -> float:
        return after.total(running.series(kind)) - before.total(running.series(kind))

    shown = good + failures + [one.status for one in running.server.mistakes if one.counted]
    seen = f"{counted('requests'):g} requests"
    if running.series("successes"):
        errors = counted("requests") - counted("successes")
        seen += f", {errors:g} errors"
        assert errors == sum(status >= 400 for status in shown), "also those that the model refuses"
    if running.series("errors"):
        seen += f", {counted('errors'):g} errors"
        assert counted("errors") == sum(status >= 500 for status in shown)
    proof.row(TITLE, COLUMNS, running.runtime, f"3 good, 2 failed, and {len(mistakes)} wrong requests", seen)
    assert counted("requests") == len(shown)


def _ask_all(served: Served) -> tuple[list[int], list[int], list[int]]:
    good = [served.ask(0).status for _ in range(3)]
    failures = [served.ask(-1).status for _ in range(2)]
    mistakes = [served.container.ask("http", one.path, one.body).status for one in served.server.mistakes]
    return good, failures, mistakes


def test_every_selector_of_our_queries_finds_a_series(running: Served) -> None:
    missing = selectors(running.emitted.promql())
    assert len(missing) > 4
    _ask_all(running)
    with suppress(OSError):
        running.ask(1, timeout=0.3)  # a caller who gives up
    end = time.monotonic() + 1 + 2 * running.server.lag
    while missing and time.monotonic() < end:  # some series come and go
        scrapes = running.of_both()
        missing = {one for one in missing if not any(scrape.find(one) for scrape in scrapes)}
        time.sleep(0.2)
    time.sleep(2)  # most servers finish what was given up, and count it then
    assert sorted(map(str, missing)) == []


@pytest.mark.parametrize("served", [name for name in SERVERS if name not in TOO_OLD_FOR_HISTOGRAMS], indirect=True)
def test_a_slow_request_is_in_the_bucket_of_its_latency(running: Served) -> None:
    running.ask(0)
    time.sleep(running.server.lag)
    before = running.scrape()
    assert running.ask(0.3).status == 200
    time.sleep(running.server.lag)
    after = running.scrape()
    latency = running.catalog["metrics"]["latency"]
    found = {float(s.labels["le"]) for s in after.find(Selector.of(f"{latency['series']}_bucket", _match(latency)))}
    assert sorted(found - {float("inf")}) == sorted(map(float, latency["buckets"]))
    ms = {"s": 0.001, "ms": 1.0, "us": 1000.0}[latency.get("unit", "s")]
    for bound in (*latency["buckets"], "+Inf"):
        grew = after.total(running.bucket(bound)) - before.total(running.bucket(bound))
        if bound == "+Inf" or bound >= 2000 * ms:
            assert grew == 1, bound
        elif bound < 300 * ms:
            assert grew == 0, bound


def test_the_autoscaler_sees_requests_in_flight(running: Served) -> None:
    """By a gauge; or by a counter of busy time, whose rate is their number."""
    source = _in_flight(running.runtime)
    series = [Selector.of(source.get("gauge") or source["busy"], _match(source))]
    before, seconds = running.scrape().total(series), 2 + 2 * running.server.lag
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(running.ask, seconds)
        if "gauge" in source:
            until(lambda: running.scrape().total(series) == 1, "the gauge to show the request", seconds)
        assert asked.result().status == 200
    time.sleep(running.server.lag)
    grew = running.scrape().total(series) - before
    unit = {"s": 1, "us": 1_000_000}[source.get("unit", "s")]
    assert grew == 0 if "gauge" in source else seconds <= grew / unit < 2 * seconds


def test_a_tiny_model_fits_the_memory_request(running: Served, proof: Proof) -> None:
    limit = int(Memory.parse(running.container.server["resources"]["limits"]["memory"]).amount)
    processes = running.container.processes()
    seen = f"{running.container.memory >> 20} MiB of {limit >> 20} MiB, in {len(processes)} processes"
    proof.row(TITLE, COLUMNS, running.runtime, "memory with a tiny model", seen)
    assert running.container.memory < limit


def test_a_busy_server_is_not_restarted(running: Served) -> None:
    """If the server works on one request at a time, each request and each probe waits four seconds for its turn."""
    callers, judged = 20, Event()

    def keep_asking() -> set[int]:
        seen = {running.ask(0.2).status}
        while not judged.is_set():
            seen.add(running.ask(0.2).status)
        return seen

    with ThreadPoolExecutor(callers) as pool:
        asked = [pool.submit(keep_asking) for _ in range(callers)]
        time.sleep(0.3)
        try:
            failed = [name for name in ("livenessProbe", "readinessProbe") if not running.container.passes(name)]
        finally:
            judged.set()
        assert failed == []
        assert set.union(*(one.result() for one in asked)) == {200}


def test_a_server_works_on_as_many_requests_at_once_as_the_plan_says(running: Served, proof: Proof) -> None:
    """In one of three tries: a busy machine may disturb some. One after the other, they would take longer each time."""
    at = running.server.slots
    took = next((took for took in (_at_once(running, at) for _ in range(3)) if took < 1.8), None)
    assert took is not None, f"{at} requests of 1 s took longer three times"
    proof.row(TITLE, COLUMNS, running.runtime, f"{at} at once of 1 s", f"{took:.1f} s")


def _at_once(running: Served, number: int) -> float:
    """The seconds that some requests of one second take, if they are sent at once."""
    with ThreadPoolExecutor(number) as pool:
        begin = time.monotonic()
        asked = [pool.submit(running.ask, 1) for _ in range(number)]
        assert {one.result().status for one in asked} == {200}
    return time.monotonic() - begin


@pytest.mark.parametrize("served", [name for name in SERVERS if "v2" in _entry(name)["bodies"]], indirect=True)
def test_the_recorder_reads_what_the_server_says(running: Served, tmp_path: Path, proof: Proof) -> None:
    """Answers through the recorder are the server's own, and the records have what was sent and answered."""
    body, port = running.server.body(0), running.container.ports["http"]
    (output,) = running.ask(0).json["outputs"]
    columns: dict[str, Any] = {
        "inputs": [{"name": "amount", "dtype": "float32", "shape": [4]}],
        "outputs": [{"name": output["name"], "dtype": "float32", "shape": [1]}],
    }
    with running.container.forwarded(port) as local, recording.running(tmp_path, local, **columns) as recorder:
        sent = [recording.request(json.dumps(body).encode(), f"p{number}") for number in range(5)]
        answers = [json.loads(one) for one in recording.send(recorder.port, *sent)]
        assert [one["outputs"] for one in answers] == [[output]] * 5
        assert recorder.stop() == 0
    found = recorder.records()
    assert [one["payment_id"] for one in found] == [f"p{number}" for number in range(5)]
    assert all(one["amount"] == [0, 0, 0, 0] and one[output["name"]] == output["data"] for one in found)
    proof.row(TITLE, COLUMNS, running.runtime, "through the recorder", "the same answers, and a record of each")


@pytest.mark.parametrize("served", [name for name in SERVERS if "gauge" in _in_flight(name)], indirect=True)
def test_a_crashed_server_leaves_no_requests_in_flight_behind(second: Served) -> None:
    """A gauge in a file outlives the server. The others' requests in flight are the rate of a counter."""
    source = _in_flight(second.runtime)
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(second.ask, 20) for _ in range(3)]
        time.sleep(1)
        second.container.crash()
        assert all(one.exception() is not None for one in asked)
    second.container.start()
    assert second.ask(0).status == 200
    time.sleep(second.server.lag)
    assert second.scrape().total([Selector.of(source["gauge"], _match(source))]) == 0


def test_a_request_in_flight_survives_the_end_of_its_pod(second: Served, proof: Proof) -> None:
    """The request needs eight seconds, which is more than servers give by themselves."""
    pod = second.container.pod
    left = pod["terminationGracePeriodSeconds"] - second.container.server["lifecycle"]["preStop"]["sleep"]["seconds"]
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(second.ask, 8)
        time.sleep(0.5)
        if not second.server.drains:
            assert asked.result().status == 200, "during the preStop delay, the server works as before"
        begin = time.monotonic()
        second.container.terminate()
        assert asked.result().status == 200
    status = second.container.ended(left - (time.monotonic() - begin))
    took = time.monotonic() - begin
    assert took < left
    when = "8 s in flight" if second.server.drains else "nothing in flight"
    seen = f"answered, exit status {status} after {took:.1f} s of {left} s"
    proof.row(TITLE, COLUMNS, second.runtime, f"SIGTERM with {when}", seen)


def test_grpc_requests_of_mlserver_are_counted(tmp_path: Path, proof: Proof) -> None:
    """Three good requests, two that fail, and one whose caller gives up: only its series of gRPC show them."""
    spec, folder = tmp_path / "spec", tmp_path / "container"
    spec.mkdir()
    folder.mkdir()
    server = SERVERS["mlserver"]
    image, model = server.make(tmp_path)
    emitted = online.emitted(spec, "mlserver", serving__protocol="grpc", **server.changes)
    with Container(emitted, image, model, folder) as container:
        container.start()
        with container.forwarded(container.ports["grpc"]) as port:
            client = [str(image.programs / "bin" / "python"), str(IMAGES / "mlserver" / "ask_grpc.py"), str(port)]
            asked = [*client, "0", "0", "0", "-1", "-1", "2:0.5"]
            done = subprocess.run(asked, capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["OK"] * 3 + ["INTERNAL"] * 2 + ["DEADLINE_EXCEEDED"]
        until(lambda: _ended_grpc(container) == 6, "the request whose caller gave up to end", 30)
        scrape = Scrape(container.scrape(), TARGET)
        assert not [one for one in selectors(emitted.promql()) if not _found_in(one, container.scrape())]
    metrics = _entry("mlserver")["grpcMetrics"]
    requests, errors = (
        scrape.total([Selector.of(one["series"], _match(one)) for one in metrics[kind]])
        for kind in ("requests", "errors")
    )
    flying = metrics["inFlight"]
    begun, ended = (scrape.total([Selector.of(flying[key], _match(flying))]) for key in ("gauge", "minus"))
    proof.row(
        TITLE, COLUMNS, "mlserver", "gRPC: 3 good, 2 failed, 1 given up", f"{requests:g} requests, {errors:g} errors"
    )
    assert (requests, errors, begun - ended) == (6, 2, 0)


def _ended_grpc(container: Container) -> float:
    scrape = Scrape(container.scrape(), TARGET)
    return scrape.total([Selector.of("grpc_server_handling_seconds_count", 'grpc_method="ModelInfer"')])


def _found_in(selector: Selector, text: str) -> bool:
    return any(Scrape(text, target).find(selector) for target in (TARGET, LIVE))


def test_a_triton_without_histograms_does_not_start(tmp_path: Path) -> None:
    """So the image must be newer than 24.10 if the spec bounds the latency. The catalog's is."""
    spec, folder = tmp_path / "spec", tmp_path / "container"
    spec.mkdir()
    folder.mkdir()
    server = SERVERS["triton"]
    image, model = server.make(tmp_path)
    changes = {**server.changes, "constraints__latency": {"p99": "100ms"}}
    with Container(online.emitted(spec, "triton", **changes), image, model, folder) as container:
        assert container.ended(30) == 1
        assert 'no field named "model_metrics"' in container.log.read_text()
