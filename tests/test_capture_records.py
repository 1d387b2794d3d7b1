"""What the recorder writes: the right records, whole files, and nothing that was to be hidden."""

from __future__ import annotations

import gzip
import itertools
import json
import math
import os
import shutil
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlspec.runtime.capture import upload
from mlspec.runtime.capture.config import Config
from mlspec.runtime.capture.counts import Counts
from mlspec.runtime.capture.decode import Dropped, Pair, decoded, events
from mlspec.runtime.capture.files import Files
from mlspec.runtime.capture.masking import masked
from mlspec.runtime.capture.sampling import sampled
from mlspec.runtime.capture.serve import capture
from mlspec.runtime.capture.upload import Folder, Objects, Uploader

from .recording import SERVED, asked, configured, described, request, response, running, send, serving, wait

NOON = 1_796_126_400.25  # 2026-12-01T12:00:00.250000Z


def pair(asked_for: Any, said: Any, protocol: str = "v2", **more: Any) -> Pair:
    given: dict[str, Any] = {
        "protocol": protocol, "time": NOON, "headers": {"x-payment-id": "p1"}, "reply": {},
        "request": json.dumps(asked_for).encode(), "response": json.dumps(said).encode(), **more,
    }  # fmt: skip
    return Pair(**given)


def rows(folder: Path, found: Pair, **changes: Any) -> list[dict[str, Any]]:
    return decoded(found, configured(folder, **changes), "13")


# Protocols


def test_v2(tmp_path: Path) -> None:
    assert rows(tmp_path, pair(json.loads(asked()), json.loads(SERVED))) == [
        {
            "payment_id": "p1", "time": "2026-12-01T12:00:00.250000Z", "model_version": "13",
            "amount": 12.5, "card": "4111111111111111", "score": 0.5,
        }
    ]  # fmt: skip


def batch(amounts: list[Any], scores: list[Any], **more: Any) -> tuple[Any, Any]:
    tensor = {"name": "amount", "datatype": "FP32", "shape": [len(amounts), 1], "data": amounts}
    told = {"name": "score", "datatype": "FP32", "shape": [len(scores)], "data": scores}
    return {"inputs": [tensor], **more}, {"outputs": [told]}


def test_each_row_of_a_v2_batch_is_a_record_with_its_own_id(tmp_path: Path) -> None:
    made = rows(tmp_path, pair(*batch([1, 2, 3], [0.1, 0.2, 0.3]), headers={"x-payment-id": "a, b,c"}))
    assert [(one["payment_id"], one["amount"], one["score"], one["card"]) for one in made] == [
        ("a", 1.0, 0.1, None), ("b", 2.0, 0.2, None), ("c", 3.0, 0.3, None),
    ]  # fmt: skip


def test_shaped_tensors_are_flat_lists(tmp_path: Path) -> None:
    given = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2, 2], "data": [[[1, 2], [3, 4]], [5, 6, 7, 8]]}]
    }
    said = {"outputs": [{"name": "score", "datatype": "FP32", "shape": [2], "data": [0, 1]}]}
    fields = {"inputs": [{"name": "x", "dtype": "float32", "shape": [2, 2]}]}
    made = rows(tmp_path, pair(given, said, headers={"x-payment-id": "a,b"}), **fields)
    assert [one["x"] for one in made] == [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]


@pytest.mark.parametrize(
    "more", [{"parameters": {"payment_id": "q"}}, {"id": "q"}, {"parameters": {"other": 1}, "id": "q"}]
)
def test_the_id_of_a_v2_request_is_a_parameter_or_its_own(tmp_path: Path, more: dict[str, Any]) -> None:
    given, said = batch([1], [0.5], **more)
    assert rows(tmp_path, pair(given, said, headers={}), headers={})[0]["payment_id"] == "q"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"instances": [{"amount": 1, "card": "c"}, {"amount": 2}]}, {"predictions": [0.1, 0.2]}),
        ({"inputs": {"amount": [1, 2], "card": ["c", None]}}, {"outputs": [0.1, 0.2]}),
        ({"inputs": {"amount": [1, 2], "card": ["c", None]}}, {"outputs": {"score": [0.1, 0.2]}}),
    ],
    ids=["by-row", "by-column", "named"],
)
def test_v1(tmp_path: Path, given: Any, said: Any) -> None:
    made = rows(tmp_path, pair(given, said, "v1", headers={"x-payment-id": "a,b"}), protocols=["v1"])
    assert [(one["payment_id"], one["amount"], one["card"], one["score"]) for one in made] == [
        ("a", 1.0, "c", 0.1), ("b", 2.0, None, 0.2),
    ]  # fmt: skip


def test_json_by_the_names_of_the_signature(tmp_path: Path) -> None:
    given, said = {"payment_id": 7, "amount": "2.5", "secret": "s"}, {"score": 0.25, "note": "n"}
    (made,) = rows(tmp_path, pair(given, said, "json", headers={}), protocols=["json"], headers={})
    assert (made["payment_id"], made["amount"], made["score"]) == ("7", 2.5, 0.25)
    assert not {"secret", "note"} & set(made)


CHAT = {
    "inputs": [{"name": "request", "dtype": "string"}],
    "outputs": [{"name": "answer", "dtype": "string"}, {"name": "finish_reason", "dtype": "string"}],
    "protocols": ["openai"],
}


def test_chat(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "Grüße"}]
    said = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}
    (made,) = rows(tmp_path, pair({"messages": messages}, said, "openai"), **CHAT)
    assert (json.loads(made["request"]), made["answer"], made["finish_reason"]) == (messages, "Hello", "stop")


def test_a_streamed_chat_is_put_together(tmp_path: Path) -> None:
    events: list[Any] = [{"choices": [{"delta": {"content": part}}]} for part in ("Hel", "lo")]
    events.append({"choices": [{"delta": {}, "finish_reason": "length"}]})
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    found = pair({"messages": []}, {}, "openai", response=body.encode(), reply={"content-type": "text/event-stream"})
    (made,) = rows(tmp_path, found, **CHAT)
    assert (made["answer"], made["finish_reason"]) == ("Hello", "length")


def streamed(events: list[Any], end: str = "\n", **more: Any) -> Pair:
    """A streamed answer to a chat, whose lines end in `end`."""
    told = [json.dumps(event, ensure_ascii=False) for event in events]
    body = "".join(f"data: {one}{end}{end}" for one in (*told, "[DONE]")).encode()
    given = {"response": body, "reply": {"content-type": "text/event-stream"}, **more}
    return pair({"messages": []}, {}, "openai", **given)


SEPARATORS = "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e"
"""What ends a line for Python and not in a stream of events."""


@given(
    parts=st.lists(st.text(st.characters(codec="utf-8") | st.sampled_from(SEPARATORS))),
    end=st.sampled_from(["\n", "\r", "\r\n"]),
)
def test_a_streamed_answer_may_have_any_character(
    parts: list[str], end: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = streamed([{"choices": [{"delta": {"content": part}}]} for part in parts], end)
    (made,) = rows(tmp_path_factory.getbasetemp(), found, **CHAT)
    assert made["answer"] == "".join(parts)


@given(
    data=st.lists(st.lists(st.text("a: \u2028\x85"), min_size=1)),
    end=st.sampled_from(["\n", "\r", "\r\n"]),
    noise=st.sampled_from(["", ": a comment", "event: message", "id", "retry: 5", "database: 1"]),
    bom=st.booleans(),
)
def test_events_are_read_as_the_standard_says(data: list[list[str]], end: str, noise: str, bom: bool) -> None:
    lines = [line for event in data for line in (*(f"data: {one}" for one in event), *[noise] * bool(noise), "")]
    body = "\ufeff" * bom + "".join(f"{line}{end}" for line in lines)
    assert [one.decode() for one in events(body.encode())] == ["\n".join(event) for event in data]


def test_a_streamed_answer_ends_with_its_usage(tmp_path: Path) -> None:
    """The last event has no choices, which some servers write as null."""
    chosen = {"choices": [{"delta": {"content": "Hello"}, "finish_reason": "stop"}]}
    ends: list[dict[str, Any]] = [{"choices": []}, {"choices": None}, {"usage": {}}]
    for last in ends:
        (made,) = rows(tmp_path, streamed([chosen, last]), **CHAT)
        assert (made["answer"], made["finish_reason"]) == ("Hello", "stop")


def test_of_several_streamed_answers_the_first_is_recorded(tmp_path: Path) -> None:
    parts = [{"choices": [{"index": index, "delta": {"content": text}}]} for text, index in (("Hel", 0), ("x", 1))]
    both = {"choices": [{"index": 1, "delta": {"content": "y"}}, {"index": 0, "delta": {"content": "lo"}}]}
    assert rows(tmp_path, streamed([*parts, both]), **CHAT)[0]["answer"] == "Hello"


@pytest.mark.parametrize("kind", ["Text/Event-Stream", "text/event-stream;charset=utf-8", "text/event-stream ; a=b"])
def test_a_stream_is_known_however_its_type_is_written(kind: str, tmp_path: Path) -> None:
    found = streamed([{"choices": [{"text": "Hello"}]}], reply={"content-type": kind})
    assert rows(tmp_path, found, **CHAT)[0]["answer"] == "Hello"


def test_a_compressed_stream_is_read(tmp_path: Path) -> None:
    found = streamed([{"choices": [{"text": "Hello"}]}])
    reply = {"content-type": "text/event-stream", "content-encoding": "gzip"}
    again = streamed([], response=gzip.compress(found.response), reply=reply)
    assert rows(tmp_path, again, **CHAT)[0]["answer"] == "Hello"


@given(
    event=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["choices", "delta", "text", "content", "index"]), inner, max_size=3)
        ),
    )
)
def test_a_stream_of_anything_is_recorded_or_dropped_with_a_reason(
    event: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with suppress(Dropped):
        rows(tmp_path_factory.getbasetemp(), streamed([event, {"choices": event}]), **CHAT)


@pytest.mark.parametrize(
    ("reason", "changed"),
    [
        ("no-id", {"headers": {}}),
        ("not-json", {"request": b"{"}),
        ("not-json", {"request": b"[" * 100_000}),
        ("other-shape", {"request": b"[]"}),
        ("other-shape", {"request": b'{"inputs": 3}'}),
        ("no-output", {"response": json.dumps({"outputs": []}).encode()}),
        ("encoded", {"headers": {"x-payment-id": "p", "content-encoding": "br"}}),
        ("encoded", {"headers": {"x-payment-id": "p", "content-encoding": "gzip"}}),
        ("mistyped", {"request": asked(amount="cheap")}),  # type: ignore[arg-type]
        ("mistyped", {"request": asked().replace(b'"4111111111111111"', b"{}")}),
        ("binary", {"response": b'{"outputs": [{"name": "score", "datatype": "FP32", "shape": [1]}]}'}),
        ("other-shape", {"response": json.dumps(batch([], [1, 2])[1]).encode()}),
    ],
)
def test_what_cannot_be_read_is_counted_by_its_reason(tmp_path: Path, reason: str, changed: dict[str, Any]) -> None:
    with pytest.raises(Dropped) as dropped:
        rows(tmp_path, pair(json.loads(asked()), json.loads(SERVED), **changed))
    assert dropped.value.reason == reason


def test_gzip_is_read_and_a_bomb_is_not(tmp_path: Path) -> None:
    headers = {"x-payment-id": "p", "content-encoding": "gzip"}
    found = pair({}, json.loads(SERVED), request=gzip.compress(asked()), headers=headers)
    assert rows(tmp_path, found)[0]["amount"] == 12.5
    with pytest.raises(Dropped, match="too-large"):
        rows(tmp_path, pair({}, {}, request=gzip.compress(b" " * 2**26), headers=headers))


def test_nan_is_a_missing_value_because_json_has_none(tmp_path: Path) -> None:
    given = asked().replace(b"12.5", b"NaN")
    assert rows(tmp_path, pair({}, json.loads(SERVED), request=given))[0]["amount"] is None


# Sampling and masking


def test_the_share_of_sampled_ids_is_within_its_binomial_bound() -> None:
    """99.9% of samples of 20,000 from a share of 10% are within 3.29 standard deviations: 2000 +- 3.29 x 42.4."""
    found = sum(sampled(f"payment-{number}", 0.1) for number in range(20_000))
    assert abs(found - 2000) <= 3.29 * math.sqrt(20_000 * 0.1 * 0.9)
    assert not any(sampled(f"{number}", 0) for number in range(100))
    assert all(sampled(f"{number}", 1) for number in range(100))


def test_a_larger_share_contains_the_smaller_one() -> None:
    ids = [str(number) for number in range(2000)]
    assert {one for one in ids if sampled(one, 0.1)} < {one for one in ids if sampled(one, 0.2)}


def test_without_a_key_personal_data_is_left_out_and_with_one_it_is_hashed() -> None:
    record = {"card": "4111", "amount": 1.0, "city": None}
    assert masked(record, ("card", "city"), b"") == {"card": None, "amount": 1.0, "city": None}
    hashed = masked(record, ("card", "city"), b"k" * 32)
    # printf 4111 | openssl dgst -sha256 -hmac kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk
    assert hashed["card"] == "ea3235590fd31aaeccaf7b0cadfb2130cb3f10c5a7608142917711b0f116a728"
    assert hashed["city"] is None


# Files


def record(number: int, day: str = "2026-12-01") -> dict[str, Any]:
    return {
        "payment_id": f"p{number}", "time": f"{day}T12:00:00.000000Z", "model_version": "13", "amount": 1.0,
        "card": None, "score": 0.5,
    }  # fmt: skip


def test_a_day_has_a_folder_and_the_types_of_the_signature(tmp_path: Path) -> None:
    files = Files(configured(tmp_path, files__format="parquet"), "fraud-1")
    for number, day in enumerate(["2026-12-01", "2026-12-02", "2026-12-01"]):
        files.add(record(number, day), 10_000)
    files.rotate(all_=True)
    found = sorted(path.relative_to(files.ready).as_posix() for path in files.ready.glob("*/*"))
    assert found == ["date=2026-12-01/fraud-1-000001.parquet", "date=2026-12-02/fraud-1-000002.parquet"]
    table = pq.read_table(files.ready / found[0])
    assert {field.name: str(field.type) for field in table.schema} == {
        "payment_id": "string", "time": "timestamp[us, tz=UTC]", "model_version": "string", "amount": "double",
        "card": "string", "score": "double",
    }  # fmt: skip
    assert table.column("payment_id").to_pylist() == ["p0", "p2"]


@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
def test_a_line_that_was_half_written_is_cut_off_after_a_crash(tmp_path: Path, format_: str) -> None:
    config = configured(tmp_path, files__format=format_)
    Files(config, "before").add(record(1), 10_000)
    (part,) = (config.folder / "open").glob("*/*")
    with part.open("ab") as file:
        file.write(b'{"payment_id": "p2", "ti')
    files = Files(config, "after")
    files.recover()
    (path,) = files.ready.glob("*/*")
    assert path.name == f"before-000001.{format_}"
    rows_ = (
        pq.read_table(path).to_pylist()
        if format_ == "parquet"
        else [json.loads(line) for line in path.read_text().splitlines()]
    )
    assert [one["payment_id"] for one in rows_] == ["p1"]
    assert not list((config.folder / "open").glob("*/*"))


def test_what_cannot_become_parquet_stays_json_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = Files(configured(tmp_path, files__format="parquet"), "fraud-1")
    files.add({**record(1), "amount": "not a number"}, 10_000)
    files.rotate(all_=True)
    (path,) = files.ready.glob("*/*")
    assert path.name == "fraud-1-000001.jsonl"
    assert "stays JSON Lines" in capsys.readouterr().err


def test_days_older_than_the_retention_are_deleted_and_nothing_else(tmp_path: Path) -> None:
    config = configured(tmp_path, capture__retention=86400 * 90)
    today = time.strftime("date=%Y-%m-%d", time.gmtime())
    names = ["date=2020-01-31", today, "date=2020-13-01", "date=2020-01-31-old", "labels"]
    for name in names:
        (tmp_path / "store" / name).mkdir(parents=True)
    uploader(tmp_path, config)._prune()
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == sorted(names[1:])


def uploader(folder: Path, config: Config) -> Uploader:
    return Uploader(config, folder / "ready", Counts(), threading.Lock())


def test_replicas_that_delete_the_same_days_do_not_disturb_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(tmp_path, capture__retention=86400)
    for day in range(1, 9):
        (tmp_path / "store" / f"date=2020-01-0{day}").mkdir(parents=True)
        (tmp_path / "store" / f"date=2020-01-0{day}" / "one.jsonl").write_text("{}\n")
    removed, each = shutil.rmtree, itertools.count()

    def raced(path: Path) -> None:
        """Every second day, another replica deletes the folder, or what is in it, at the same time."""
        number = next(each)
        if number % 4 == 0:
            removed(path)
        if number % 4 == 2:
            (path / "one.jsonl").unlink()
            raise FileNotFoundError(path / "one.jsonl")
        removed(path)

    monkeypatch.setattr(shutil, "rmtree", raced)
    uploader(tmp_path, config)._prune()
    assert not list((tmp_path / "store").iterdir())


def test_a_day_that_another_replica_deleted_in_an_object_store_is_no_failure(tmp_path: Path) -> None:
    from pyarrow import fs

    store = Objects.__new__(Objects)
    store._files, store._root = fs.LocalFileSystem(), str(tmp_path)
    store.drop("date=2020-01-01")


@pytest.mark.parametrize("called", [False, True], ids=["quiet", "new-files"])
def test_a_store_that_is_down_is_tried_less_and_less_often(
    called: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever arrives in the meantime: the writer wakes the thread each second."""
    (tmp_path / "store").write_text("a file where a folder should be")
    (tmp_path / "ready" / "date=2026-12-01").mkdir(parents=True)
    (tmp_path / "ready" / "date=2026-12-01" / "one.jsonl").write_text("{}\n")
    uploads, waits = uploader(tmp_path, configured(tmp_path)), list[float]()

    def waited(seconds: float) -> bool:
        waits.append(seconds)
        if called:
            uploads.wake()
        if len(waits) == 9:
            (tmp_path / "store").unlink()
            uploads.wake(ending=True)
        return False

    monkeypatch.setattr(uploads._ending, "wait", waited)
    uploads.run()
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert (tmp_path / "store" / "date=2026-12-01" / "one.jsonl").exists()


def test_the_end_of_the_recorder_interrupts_the_wait_for_a_store_that_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "WAITS", (3600.0, 3600.0))
    uploads, failed = uploader(tmp_path, configured(tmp_path)), threading.Event()

    def fails() -> None:
        failed.set()
        raise OSError

    monkeypatch.setattr(uploads, "_all", fails)
    uploads.start()
    assert failed.wait(10)
    monkeypatch.setattr(upload, "WAITS", (0.0, 0.0))
    monkeypatch.setattr(uploads, "_all", lambda: None)
    uploads.wake(ending=True)
    uploads.join(10)
    assert not uploads.is_alive()


def test_a_file_in_a_mounted_folder_gets_its_name_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").write_bytes(b"x" * 100)

    def killed(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        Folder(tmp_path / "store").put(tmp_path / "one", "date=2026-12-01/one.jsonl")
    assert not list((tmp_path / "store").glob("*/[!.]*"))


# As in a pod


def test_sigterm_writes_and_uploads_everything(tmp_path: Path) -> None:
    with serving() as server, running(tmp_path, server, files__seconds=3600) as recorder:
        assert send(recorder.port, *(request(asked(), f"p{number}") for number in range(50))) == [SERVED] * 50
        assert not recorder.records()
        assert recorder.stop() == 0
        assert [one["payment_id"] for one in recorder.records()] == [f"p{number}" for number in range(50)]
        assert {one["model_version"] for one in recorder.records()} == {"13"}
        assert not [path for path in (tmp_path / "spool").rglob("*") if path.is_file()]


@pytest.mark.slow
@pytest.mark.parametrize("key", ["", "a key of at least thirty-two bytes"])
def test_masking_leaves_no_trace_of_a_value_in_any_file(tmp_path: Path, key: str) -> None:
    hidden = "4999888877776666"
    with (
        serving() as server,
        running(
            tmp_path, server, {"MLSPEC_CAPTURE_HASH_KEY": key}, capture__personalData=["card"], files__seconds=3600
        ) as recorder,
    ):
        send(recorder.port, request(asked(card=hidden)))
        recorder.until("mlspec_recorder_records_total", 1)
        recorder.process.kill()  # what is left behind counts, too
        recorder.process.wait()
        wait(lambda: any((tmp_path / "store").rglob("*.jsonl")), "the process that writes has ended")
        contents = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
        assert all(hidden.encode() not in content for content in contents)
        (made,) = recorder.records()
        assert made["card"] is None if not key else len(made["card"]) == 64


@pytest.mark.slow
def test_a_killed_recorder_leaves_no_half_file_and_loses_at_most_the_open_one(tmp_path: Path) -> None:
    with serving() as server, running(tmp_path, server, files__seconds=3600) as recorder:
        (writer,) = children(recorder.process.pid)
        send(recorder.port, *(request(asked(), f"p{number}") for number in range(200)))
        recorder.until("mlspec_recorder_records_total", 200)
        os.kill(writer, signal.SIGKILL)
        recorder.until("mlspec_recorder_restarts_total", 1)
        assert send(recorder.port, request(asked(), "after")) == [SERVED]  # dropped or recorded, never failed
        assert recorder.stop() == 0
        ids = [one["payment_id"] for one in recorder.records()]
        assert ids[:200] == [f"p{number}" for number in range(200)]


def children(pid: int) -> list[int]:
    """The process that writes, once it runs its own program: before, stopping it would stop the process that forks."""

    def found() -> list[int]:
        ids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [int(one) for one in ids if b"capture.writer" in Path(f"/proc/{one}/cmdline").read_bytes()]

    wait(lambda: bool(found()), "no process that writes")
    return found()


@pytest.mark.slow
def test_a_store_that_is_down_affects_no_request_and_gets_the_files_later(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file where a folder should be")
    with serving() as server, running(tmp_path, server, files__seconds=0.1) as recorder:
        assert send(recorder.port, request(asked())) == [SERVED]
        recorder.until("mlspec_recorder_upload_failures_total", 1)
        assert send(recorder.port, request(asked(), "p2")) == [SERVED]
        (tmp_path / "store").unlink()
        recorder.until("mlspec_recorder_uploaded_files_total", 1)
        assert recorder.stop() == 0
        assert {one["payment_id"] for one in recorder.records()} == {"p1", "p2"}


@pytest.mark.slow
def test_a_full_disk_drops_records_and_no_request(tmp_path: Path) -> None:
    with serving() as server, running(tmp_path, server, files__bytes=1000, files__seconds=3600) as recorder:
        many = [request(asked(), f"p{number}") for number in range(100)]
        assert send(recorder.port, *many) == [SERVED] * 100
        kept, dropped = "mlspec_recorder_records_total", 'mlspec_recorder_dropped_total{reason="disk"}'
        wait(lambda: recorder.counted()[kept] + recorder.counted()[dropped] >= 100, "some records were never counted")
        counted = recorder.counted()
        assert counted[kept] + counted[dropped] == 100
        assert counted[dropped] >= 80
        assert recorder.stop() == 0


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_drops_records_and_no_request(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where a folder should be")
    with serving() as server, running(tmp_path, server) as recorder:
        assert send(recorder.port, request(asked())) == [SERVED]
        recorder.until('mlspec_recorder_dropped_total{reason="disk"}', 1)


@pytest.mark.slow
def test_a_writer_that_hangs_costs_bounded_memory_and_no_request(tmp_path: Path) -> None:
    with serving() as server, running(tmp_path, server) as recorder:
        (writer,) = children(recorder.process.pid)
        os.kill(writer, signal.SIGSTOP)
        many = [request(asked(card="c" * 500_000), f"p{number}") for number in range(60)]
        before = resident(recorder.process.pid)
        assert send(recorder.port, *many) == [SERVED] * 60
        assert recorder.counted()['mlspec_recorder_dropped_total{reason="queue"}'] >= 30
        assert resident(recorder.process.pid) - before < 40 * 2**20
        os.kill(writer, signal.SIGCONT)
        assert recorder.stop() == 0


def resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


@pytest.mark.slow
def test_failed_binary_and_unsampled_requests_are_counted(tmp_path: Path) -> None:
    with serving(response(status="500 Internal Server Error")) as server, running(tmp_path, server) as recorder:
        send(recorder.port, request(asked()), request(b"x", Content_Type="application/octet-stream"))
        counted = recorder.counted()
        assert counted['mlspec_recorder_dropped_total{reason="failed"}'] == 1
        assert counted['mlspec_recorder_dropped_total{reason="binary"}'] == 1
        assert counted["mlspec_recorder_requests_total"] == 2
        assert counted["mlspec_recorder_records_total"] == 0


@pytest.mark.slow
def test_trap_requests_outside_of_the_sample_are_no_losses_whatever_they_contain(tmp_path: Path) -> None:
    """Otherwise, binary requests would be a share of all requests, and other losses one of the sample."""
    with serving(response()) as server, running(tmp_path, server, capture__sample=0) as recorder:
        send(recorder.port, request(b"x", Content_Type="application/octet-stream"))
        counted = recorder.counted()
        assert counted['mlspec_recorder_dropped_total{reason="not-sampled"}'] == 1
        assert counted['mlspec_recorder_dropped_total{reason="binary"}'] == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "needs `version: 1`"),
        ('{"version": 1}', "`ports` is missing"),
        (None, "No such file"),
    ],
)
def test_an_unreadable_configuration_is_one_line(
    tmp_path: Path, content: str | None, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "capture.json"
    if content is not None:
        path.write_text(content)
    assert capture(str(path)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("mlspec runtime capture: ")
    assert said in line


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"capture__uri": "azure://c/x"}, "only s3://, gs://, file://, and paths are supported"),
        ({"capture__sample": 2}, "`capture.sample` needs a share from 0 to 1"),
        ({"capture__sample": True}, "`sample` needs a number of at least 0"),
        ({"protocols": ["grpc"]}, "`protocols` needs some of v2, v1, openai, json"),
        ({"files__format": "csv"}, "`files.format` needs one of parquet, jsonl"),
        ({"inputs": [3]}, "`inputs` needs a list of columns"),
        ({"ports__server": 70000}, "`ports.server` needs a port"),
    ],
)
def test_a_configuration_of_another_kind_is_refused(
    tmp_path: Path, change: dict[str, Any], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "capture.json").write_text(json.dumps(described(tmp_path, **change)))
    assert capture(str(tmp_path / "capture.json")) == 1
    assert said in capsys.readouterr().err
