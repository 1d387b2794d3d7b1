"""`mlspec promote` with a name in the model registry of MLflow, against a server that answers as MLflow 3 does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import pytest

from .support import DOMAIN, Ran, dumped, loaded, minimal, run

Answers = dict[str, tuple[int, str]]
"""The status and the body for each path and query; of a redirect, its target."""

PLACE = "s3://mlflow/1/models/m-3/artifacts"
LOGIN = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_URI")


class Registry:
    def __init__(self, url: str, answers: Answers) -> None:
        self.url = url
        self.answers = answers
        self.seen: list[tuple[str, str | None]] = []
        """The path and the `Authorization` header of each request."""


@contextmanager
def serving(answers: Answers) -> Iterator[Registry]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            registry.seen.append((self.path, self.headers["Authorization"]))
            status, text = registry.answers.get(self.path, (404, '{"error_code": "RESOURCE_DOES_NOT_EXIST"}'))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", text)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry = Registry(f"http://127.0.0.1:{server.server_port}", answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def path(method: str, **query: str) -> str:
    return f"/api/2.0/mlflow/{method}?{urlencode(query)}"


VERSION = path("model-versions/get", name="fraud", version="3")
ALIAS = path("registered-models/alias", name="fraud", alias="champion")
DOWNLOAD = path("model-versions/get-download-uri", name="fraud", version="3")
LOGGED = path("logged-models/m-3")


def known(place: str = PLACE, status: str = "READY") -> Answers:
    one = (200, json.dumps({"model_version": {"name": "fraud", "version": "3", "status": status}}))
    return {VERSION: one, ALIAS: one, DOWNLOAD: (200, json.dumps({"artifact_uri": place}))}


@pytest.fixture(autouse=True)
def no_login(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LOGIN:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def system(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    access = {"models": {"kind": "s3", "identity": "arn:aws:iam::123456789012:role/m"}}
    (tmp_path / "mlspec.yaml").write_text(minimal(release=None, access=access, environments={"staging": {}}, **DOMAIN))
    return tmp_path


def promoted(system: Path, uri: str, *more: str) -> Ran:
    artifact = {"uri": uri, "format": "onnx", "digest": f"sha256:{'a' * 64}", "size": "10Mi", "access": "models"}
    (system / "v.yaml").write_text(dumped({"version": "7", "artifact": artifact}))
    return run("promote", system / "mlspec.yaml", "--to", "staging", "--release", system / "v.yaml", *more)


def released(system: Path) -> tuple[str, str]:
    found = loaded((system / "releases" / "staging.yaml").read_text())["release"]
    return found["version"], found["artifact"]["uri"]


@pytest.mark.parametrize("uri", ["models:/fraud/3", "models:/fraud@champion"])
def test_a_release_holds_the_place_of_the_files_and_not_the_name(system: Path, uri: str) -> None:
    with serving(known()) as registry:
        ran = promoted(system, uri, "--mlflow", registry.url)
    assert ran.status == 0, ran
    assert released(system) == ("7", f"{PLACE}/")
    assert [asked for asked, _ in registry.seen] == [ALIAS if "@" in uri else VERSION, DOWNLOAD]


def test_a_logged_model_is_followed_to_its_files(system: Path) -> None:
    logged = json.dumps({"model": {"info": {"artifact_uri": PLACE}}})
    with serving({**known("models:/m-3"), LOGGED: (200, logged)}) as registry:
        assert promoted(system, "models:/fraud/3", "--mlflow", registry.url).status == 0
    assert released(system) == ("7", f"{PLACE}/")


@pytest.mark.parametrize(
    ("login", "header"),
    [
        ({"MLFLOW_TRACKING_TOKEN": "t0ken"}, "Bearer t0ken"),
        # base64 of `ann:secret`
        ({"MLFLOW_TRACKING_USERNAME": "ann", "MLFLOW_TRACKING_PASSWORD": "secret"}, "Basic YW5uOnNlY3JldA=="),
    ],
)
def test_a_login_stays_at_its_server(
    system: Path, monkeypatch: pytest.MonkeyPatch, login: dict[str, str], header: str
) -> None:
    for name, value in login.items():
        monkeypatch.setenv(name, value)
    with serving(known()) as other, serving({}) as registry:
        registry.answers = {VERSION: (302, "/moved"), "/moved": known()[VERSION], DOWNLOAD: (302, other.url + DOWNLOAD)}
        monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.url)
        ran = promoted(system, "models:/fraud/3")
    assert ran.status == 0, ran
    assert registry.seen == [(VERSION, header), ("/moved", header), (DOWNLOAD, header)]
    assert other.seen == [(DOWNLOAD, None)]
    assert not any(value in ran.out + ran.err for value in ("t0ken", "secret"))


WRONG: dict[str, tuple[Answers, str, str]] = {
    "no right": ({VERSION: (403, "")}, "does not let you read `models:/fraud/3`", "MLFLOW_TRACKING_TOKEN"),
    "no login": ({VERSION: (401, "")}, "does not let you read `models:/fraud/3`", "MLFLOW_TRACKING_TOKEN"),
    "unknown": ({}, "does not know `models:/fraud/3`", "version or alias"),
    "broken": ({VERSION: (500, "")}, "fails with status 500", "log of the MLflow server"),
    "a page": ({VERSION: (200, "<html>")}, "is not JSON", "login page"),
    "a list": ({VERSION: (200, "[]")}, "is not JSON", "login page"),
    "no status": ({VERSION: (200, '{"model_version": {"version": "3"}}')}, "lacks `model_version.status`", "proxy"),
    "no place": ({**known(), DOWNLOAD: (200, "{}")}, "lacks `artifact_uri`", "proxy"),
    "pending": (known(status="PENDING_REGISTRATION"), "status is PENDING_REGISTRATION", "wait"),
    **{
        place: (known(place), f"is at `{place}`, from which no pod can fetch it", "--no-serve-artifacts")
        for place in ("mlflow-artifacts:/1/m", "dbfs:/m", "file:///mlruns/1/m", "/mlruns/1/m", "models:/fraud/2")
    },
}


@pytest.mark.parametrize("case", WRONG)
def test_what_the_registry_cannot_tell_is_an_error_at_the_name(system: Path, case: str) -> None:
    answers, message, help_ = WRONG[case]
    with serving(answers) as registry:
        ran = promoted(system, "models:/fraud/3", "--mlflow", registry.url)
    assert ran.status == 2
    told = ran.out + ran.err
    assert message in told
    assert help_ in told
    assert "v.yaml:3:8" in told
    assert not (system / "releases").exists()


def test_an_alias_that_mlflow_answers_with_a_bad_request_is_unknown(system: Path) -> None:
    with serving({ALIAS: (400, '{"error_code": "INVALID_PARAMETER_VALUE"}')}) as registry:
        ran = promoted(system, "models:/fraud@champion", "--mlflow", registry.url)
    assert "does not know `models:/fraud@champion`" in ran.out + ran.err


@pytest.mark.parametrize("uri", ["models:/fraud/latest", "models:/fraud/Production", "models:/fraud", "models:/m-3"])
def test_a_name_that_moves_is_refused_before_anything_is_asked(system: Path, uri: str) -> None:
    with serving(known()) as registry:
        ran = promoted(system, uri, "--mlflow", registry.url)
    assert ran.status == 2
    assert "does not name one version" in ran.out + ran.err
    assert registry.seen == []


def test_an_unreachable_registry_is_named(system: Path) -> None:
    with serving({}) as registry:
        pass
    ran = promoted(system, "models:/fraud/3", "--mlflow", registry.url)
    assert f"the registry at {registry.url} cannot be reached" in ran.out + ran.err


def test_without_an_address_nothing_is_asked(system: Path) -> None:
    assert "registry whose address is unknown" in str(promoted(system, "models:/fraud/3"))


@pytest.mark.parametrize("address", ["https://ann:s3cret@mlflow.example.com", "sqlite:///s3cret.db", "databricks"])
def test_an_address_that_is_no_plain_url_is_refused_and_not_repeated(system: Path, address: str) -> None:
    ran = promoted(system, "models:/fraud/3", "--mlflow", address)
    assert "is not a plain URL of an HTTP server" in ran.out + ran.err
    assert "s3cret" not in ran.out + ran.err
