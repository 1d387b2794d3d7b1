"""The download from a hub, against servers that play the hub and the store that it redirects to."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from threading import Thread

import pytest

from mlspec.runtime.http import Client, FetchError, Waits, _asked

from .hub import COMMIT, FILES, LARGE, TOKEN, TREE, Pod, Server, at, entry, fill


@pytest.fixture
def hosts() -> Iterator[tuple[Server, Server]]:
    """A hub, and the store that it redirects to."""
    servers = (Server(), Server())
    threads = [Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01}) for one in servers]
    for thread in threads:
        thread.start()
    yield servers
    for one in servers:
        one.shutdown()
        one.server_close()
    for thread in threads:
        thread.join()


@pytest.fixture
def pod(hosts: tuple[Server, Server], tmp_path: Path) -> Pod:
    return Pod(hosts, tmp_path)


def test_a_whole_repository_arrives(pod: Pod, capsys: pytest.CaptureFixture[str]) -> None:
    fill(pod.hub, pod.store)
    assert pod.run() == 0, capsys.readouterr().err
    assert pod.left() == {f"model/{path}": content for path, content in FILES.items() if path != ".gitattributes"}
    assert f"the model is complete: acme/fraud at {COMMIT}" in capsys.readouterr().out


def test_a_folder_arrives_without_its_own_name(pod: Pod) -> None:
    fill(pod.hub, pod.store)
    assert pod.run(MODEL_PATH="onnx/") == 0
    assert set(pod.left()) == {"model/model.onnx", "model/odd name é.txt"}


def test_a_single_file_gets_the_name_that_the_server_looks_for(pod: Pod) -> None:
    fill(pod.hub, pod.store)
    assert pod.run(MODEL_PATH="onnx/model.onnx") == 0
    assert pod.left() == {"model/model.bin": FILES["onnx/model.onnx"]}


def test_a_listing_has_several_pages(pod: Pod) -> None:
    fill(pod.hub, pod.store)
    [whole] = pod.hub.answers.pop(TREE)
    entries = json.loads(whole["body"])
    pod.hub.add(TREE, json.dumps(entries[:3]).encode(), Link=f'<{pod.hub.url}{TREE}&cursor=x>; rel="next"')
    pod.hub.add(f"{TREE}&cursor=x", json.dumps(entries[3:]).encode())
    assert pod.run() == 0
    assert len(pod.left()) == 5


def test_the_next_page_is_not_read_from_another_host(pod: Pod, capsys: pytest.CaptureFixture[str]) -> None:
    pod.hub.add(TREE, b"[]", Link=f'<{pod.store.url}/next>; rel="next"')
    assert pod.run() == 1
    assert "on another host" in capsys.readouterr().err
    assert pod.store.asked == []


def test_only_the_hub_gets_the_token(pod: Pod, capsys: pytest.CaptureFixture[str]) -> None:
    """The store gets a signature in the URL. An extra token would be stolen, or refused with 400."""
    fill(pod.hub, pod.store)
    assert pod.run() == 0
    assert {headers.get("Authorization") for _, headers in pod.hub.asked} == {f"Bearer {TOKEN}"}
    assert len(pod.store.asked) == 2
    assert [headers for _, headers in pod.store.asked if "Authorization" in headers] == []
    said = capsys.readouterr()
    assert TOKEN not in said.out + said.err


def test_a_redirect_on_the_hub_keeps_the_token(pod: Pod) -> None:
    """The hub redirects small files of private repositories to a path of its own."""
    pod.hub.add(TREE, json.dumps([entry("config.json", b"{}")]).encode())
    pod.hub.add(at("config.json"), status=307, Location="/api/resolve-cache/config.json")
    pod.hub.add("/api/resolve-cache/config.json", b"{}")
    assert pod.run() == 0
    assert [headers["Authorization"] for _, headers in pod.hub.asked] == [f"Bearer {TOKEN}"] * 3


@pytest.mark.parametrize("path", ["config.json", "model.safetensors"])
def test_a_changed_byte_leaves_nothing(pod: Pod, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    fill(pod.hub, pod.store)
    changed = bytes([FILES[path][0] ^ 1]) + FILES[path][1:]
    host, where = (pod.store, f"/{path}?signature=abc") if path in LARGE else (pod.hub, at(path))
    host.answers[where] = []
    host.add(where, changed)
    assert pod.run() == 1
    assert f"{path} is not the file of the commit" in capsys.readouterr().err
    assert pod.left() == {}


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "onnx/../../outside", "a\\b", "a\0b"])
def test_no_file_leaves_the_folder(pod: Pod, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    pod.hub.add(TREE, json.dumps([entry(path, b"x")]).encode())
    assert pod.run() == 1
    assert "would leave the folder" in capsys.readouterr().err
    assert len(pod.hub.asked) == 1
    assert pod.left() == {}


def test_a_repository_that_is_too_large_is_not_downloaded(pod: Pod, capsys: pytest.CaptureFixture[str]) -> None:
    fill(pod.hub, pod.store)
    assert pod.run(MODEL_LIMIT="12000") == 1
    assert "has 12,003 bytes, but the volume has room for 12,000" in capsys.readouterr().err
    assert [path for path, _ in pod.hub.asked] == [TREE]


def test_a_file_that_is_longer_than_listed_ends_the_download(pod: Pod, capsys: pytest.CaptureFixture[str]) -> None:
    pod.hub.add(TREE, json.dumps([entry("config.json", b"{}")]).encode())
    pod.hub.add(at("config.json"), b"{}" * 10**6)
    assert pod.run() == 1
    assert "more than its 2 bytes" in capsys.readouterr().err
    assert pod.left() == {}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_hub_is_asked_again(pod: Pod, status: int) -> None:
    fill(pod.hub, pod.store)
    [whole] = pod.hub.answers.pop(TREE)
    for _ in range(3):
        pod.hub.add(TREE, status=status, Retry_After="0")
    pod.hub.add(TREE, whole["body"])
    assert pod.run() == 0
    assert pod.hub.times(TREE) == 4


def test_a_hub_that_stays_down_is_given_up(pod: Pod, capsys: pytest.CaptureFixture[str]) -> None:
    pod.hub.add(TREE, status=503)
    assert pod.run() == 1
    assert pod.hub.times(TREE) == 6
    assert "also after 6 tries" in capsys.readouterr().err


def test_a_transfer_that_breaks_off_continues_where_it_stopped(pod: Pod) -> None:
    fill(pod.hub, pod.store)
    where = "/model.safetensors?signature=abc"
    pod.store.answers[where] = []
    pod.store.add(where, FILES["model.safetensors"], cut=3000)
    pod.store.add(where, FILES["model.safetensors"])
    assert pod.run() == 0
    assert [headers.get("Range") for path, headers in pod.store.asked if path == where] == [None, "bytes=4000-"]


class Full:
    """A volume without any room."""

    def restart(self) -> None:
        pass

    def write(self, _: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_volume_ends_the_download_at_once(hosts: tuple[Server, Server]) -> None:
    """Each try counted as progress, so a large file was tried for hours."""
    hub, _ = hosts
    hub.add("/file", b"x" * 5_000_000)
    client = Client(hub.url, "", Waits(first=0.0, longest=0.0, patience=0.0))
    with pytest.raises(FetchError, match=r"cannot be stored: .*No space left on device"):
        client.download(f"{hub.url}/file", 5_000_000, Full())
    assert hub.times("/file") == 1


def test_a_server_that_cannot_continue_starts_over(pod: Pod) -> None:
    fill(pod.hub, pod.store)
    where = "/model.safetensors?signature=abc"
    pod.store.answers[where] = []
    pod.store.add(where, FILES["model.safetensors"], cut=3000)
    pod.store.add(where, FILES["model.safetensors"], ignores_ranges="1")
    assert pod.run() == 0
    assert pod.left()["model/model.safetensors"] == FILES["model.safetensors"]


@pytest.mark.parametrize(
    ("status", "told"), [(401, "an access of kind `huggingface`"), (403, "accept the license"), (404, "no such")]
)
def test_what_a_retry_does_not_change_is_said_at_once(
    pod: Pod, status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pod.hub.add(TREE, status=status)
    assert pod.run() == 1
    assert pod.hub.times(TREE) == 1
    assert told in capsys.readouterr().err


def test_a_path_that_does_not_exist(pod: Pod, capsys: pytest.CaptureFixture[str]) -> None:
    fill(pod.hub, pod.store)
    assert pod.run(MODEL_PATH="openvino/") == 1
    assert capsys.readouterr().err == f"mlspec runtime fetch: acme/fraud has no openvino/ at {COMMIT}\n"


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"{}", b'[{"type": "file"}]', b"[1]", b'[{"type": "file", "path": "a", "size": "x", "oid": ""}]'],
)
def test_a_page_that_is_no_listing(pod: Pod, body: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    pod.hub.add(TREE, body)
    assert pod.run() == 1
    assert capsys.readouterr().err.startswith("mlspec runtime fetch: ")
    assert pod.left() == {}


def test_a_restart_downloads_nothing(pod: Pod, capsys: pytest.CaptureFixture[str]) -> None:
    fill(pod.hub, pod.store)
    assert pod.run() == 0
    asked = len(pod.hub.asked)
    assert pod.run() == 0
    assert len(pod.hub.asked) == asked
    assert capsys.readouterr().out.endswith("the model is here already\n")


def test_leftovers_of_a_killed_attempt_are_removed(pod: Pod) -> None:
    (pod.volume / "model.part").mkdir()
    (pod.volume / "model.part" / "half").write_bytes(b"wei")
    fill(pod.hub, pod.store)
    assert pod.run(MODEL_PATH="onnx/model.onnx") == 0
    assert set(pod.left()) == {"model/model.bin"}


def test_pods_that_share_a_volume_download_once(pod: Pod) -> None:
    fill(pod.hub, pod.store)
    done: list[int] = []
    threads = [Thread(target=lambda: done.append(pod.run(MODEL_KEY=COMMIT, MODEL_PATH="onnx/"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [0] * 4
    assert pod.hub.times(TREE) == 1
    assert set(pod.left()) == {f"{COMMIT}.lock", f"{COMMIT}/model.onnx", f"{COMMIT}/odd name é.txt"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"MODEL_REPOSITORY": ""}, "MODEL_REPOSITORY is not set"),
        ({"MODEL_COMMIT": "main"}, "the 40 hex digits of a commit"),
        ({"MODEL_LIMIT": "1Gi"}, "a number of bytes"),
        ({"HF_ENDPOINT": "file:///etc"}, "not the URL of a hub"),
    ],
)
def test_input_that_is_wrong(pod: Pod, changes: dict[str, str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert pod.run(**changes) == 1
    assert told in capsys.readouterr().err


def test_a_try_waits_longer_each_time_and_as_long_as_the_hub_asks() -> None:
    waits = Waits(first=1.0, longest=60.0)
    for tries, least, most in ((0, 0.5, 1.0), (3, 4.0, 8.0), (9, 30.0, 60.0)):
        assert all(least <= waits.before(tries, 0.0) <= most for _ in range(50))
    assert waits.before(0, 20.0) == 20.0
    assert waits.before(0, 3600.0) == 300.0, "a hub cannot make a pod wait for an hour"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"RateLimit": '"resolvers";r=0;t=55'}, 55.0),
        ({"RateLimit": '"resolvers";r=12;t=55'}, 0.0),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0.0),
    ],
)
def test_a_hub_says_when_its_window_ends(headers: dict[str, str], seconds: float) -> None:
    message = Message()
    for name, value in headers.items():
        message[name] = value
    assert _asked(message) == seconds
