"""The forms of a metrics file: JSON and YAML, CSV with a row for each result, and a run of MLflow. All become one tree.

A value keeps its place in the file that it came from, so a mistake is reported where it was written. The form follows
from the content: a JSON object with `info` and `data` is an MLflow run (`mlflow runs describe`), and so is one with
`run` that contains them (MLflow's REST API, `runs/get`). A file that starts with `metric,` is CSV.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from ..diagnostics import Diagnostic, SourceFile
from ..read import read
from ..tree import Mapping, Node, Scalar, Sequence
from ..words import closest, listing, shown
from .shape import twice

__all__ = ["COLUMNS", "PREFIXES", "tree_of"]

COLUMNS = (
    "metric", "value", "split", "segment", "rival", "samples", "events", "positives", "negatives", "variance", "low",
    "high", "confidence", "method",
)  # fmt: skip
"""The columns of a CSV file."""

PREFIXES = ("metrics", "segments", "rivals", "splits", "serving")
"""How the names of an MLflow run start that are part of an evaluation."""

PAIR = re.compile(r"(?ai:(?<!\\)((?:\\\\)*)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2}))")


def tree_of(file: SourceFile, found: list[Diagnostic]) -> Mapping | None:
    """The tree of a file in any form, with the structure of `metrics.json`; None if there is none."""
    if file.text.lstrip("\ufeff").startswith("metric,"):
        return _Csv(file, found).tree()
    tree, wrong = read(SourceFile(file.name, PAIR.sub(_character, file.text)), "write `version: 1` and `metrics`")
    found += wrong
    if tree is None:
        return None
    run = _run(tree)
    return _Run(run, found).tree() if run is not None else tree


def _character(found: re.Match[str]) -> str:
    """The character of two escapes in JSON, which YAML does not know: `\\ud83d\\ude00`."""
    return f"{found[1]}{chr(0x10000 + (int(found[2], 16) - 0xD800) * 0x400 + int(found[3], 16) - 0xDC00)}"


class _Grown:
    """A tree that grows by paths."""

    def __init__(self, root: Node, found: list[Diagnostic]) -> None:
        self.root = Mapping(root.place, {}, {})
        self.found = found
        version = Scalar(root.place, "1", True)
        self.put(("version",), Scalar(root.place, "version", True), version)

    def put(self, path: tuple[str, ...], key: Scalar, value: Node) -> None:
        """Put a value at a path; every new step has the place of `key`."""
        node = self.root
        for step in path[:-1]:
            child = node.entries.get(step)
            if child is None:
                child = Mapping(key.place, {}, {})
                node.keys[step], node.entries[step] = Scalar(key.place, step, True), child
            if not isinstance(child, Mapping):
                self.found.append(twice(key, child, f"`{shown(key.text)}` is part of another result", "rename one"))
                return
            node = child
        last = path[-1]
        if last in node.entries:
            message = f"`{shown('/'.join(path))}` is given twice"
            self.found.append(twice(key, node.keys[last], message, "remove one of them"))
            return
        node.keys[last], node.entries[last] = Scalar(key.place, last, True), value


# CSV


class _Csv:
    def __init__(self, file: SourceFile, found: list[Diagnostic]) -> None:
        self.file, self.found = file, found

    def wrong(self, id_: str, at: Node, message: str, help_: str) -> None:
        self.found.append(Diagnostic(id=id_, severity="error", message=message, span=at.span, help=help_))

    def tree(self) -> Mapping | None:
        rows = self.rows()
        head = next(rows, None)
        if head is None:
            return None
        for cell in head:
            cell.text = cell.text.strip()
            if cell.text not in COLUMNS:
                near = closest(cell.text, COLUMNS)
                help_ = f"did you mean `{near}`?" if near is not None else f"use {listing(COLUMNS, most=20)}"
                self.wrong("MLS004", cell, f"there is no column `{shown(cell.text)}`", help_)
                return None
        names = [cell.text for cell in head]
        if len(set(names)) < len(names):
            again = next(cell for at, cell in enumerate(head) if cell.text in names[:at])
            self.wrong("MLS003", again, f"the column `{again.text}` is there twice", "remove one of them")
            return None
        grown = _Grown(head[0], self.found)
        for row in rows:
            self.row(grown, names, row)
        return grown.root

    def rows(self) -> Iterator[list[Scalar]]:
        """The cells of each row. The place of a cell is its line, because quotes and commas may hide its column."""
        reader = csv.reader(io.StringIO(self.file.text.removeprefix("\ufeff")), strict=True)
        before = 0
        try:
            for cells in reader:
                if cells:
                    yield [self.cell(before, cells, at) for at in range(len(cells))]
                before = reader.line_num
        except csv.Error as error:
            line = min(before, len(self.file.lines) - 1)
            at = Scalar((self.file, line, 0, line, len(self.file.lines[line])), "", True)
            self.wrong("MLS001", at, f"the row is not CSV: {error}", "quote cells that contain commas or quotes")

    def cell(self, line: int, cells: list[str], at: int) -> Scalar:
        text = self.file.lines[line] if line < len(self.file.lines) else ""
        start = sum(len(cell) + 1 for cell in cells[:at])
        plain = text.startswith(cells[at], start)
        place = (start, start + len(cells[at])) if plain else (0, len(text.rstrip()))
        return Scalar((self.file, line, place[0], line, place[1]), cells[at], True)

    def row(self, grown: _Grown, names: list[str], cells: list[Scalar]) -> None:
        if len(cells) != len(names):
            self.wrong(
                "MLS001", cells[0], f"the row has {len(cells)} cells, and the head {len(names)}", "add or remove commas"
            )
            return
        given = {name: cell for name, cell in zip(names, cells, strict=True) if cell.text.strip()}
        metric = given.pop("metric", None)
        if metric is None:
            self.wrong("MLS009", cells[0], "the row names no metric", "name one in the first column")
            return
        path = self.path(given, metric)
        if path is None:
            return
        entry = Mapping(metric.place, {}, {})
        for name, cell in given.items():
            entry.keys[name], entry.entries[name] = Scalar(cell.place, name, True), cell
            cell.text = cell.text.strip()
        grown.put(path, metric, entry)

    def path(self, given: dict[str, Scalar], metric: Scalar) -> tuple[str, ...] | None:
        """Where the row belongs in `metrics.json`."""
        split, segment, rival = (given.pop(name, None) for name in ("split", "segment", "rival"))
        if segment is not None and "=" not in segment.text:
            self.wrong(
                "MLS006", segment, f"`{shown(segment.text)}` is not a column with its value", "write `country=DE`"
            )
            return None
        if split is not None and split.text not in ("test", "train", "validation"):
            self.wrong("MLS007", split, f"there is no split `{shown(split.text)}`", "use train, validation, or test")
            return None
        if split is not None and split.text != "test":
            if segment is not None or rival is not None:
                self.wrong("MLS012", split, "segments and rivals are measured on test rows", "use `test`")
                return None
            return ("splits", split.text, "metrics", metric.text.strip())
        if rival is not None:
            if segment is not None:
                self.wrong("MLS012", rival, "rivals are measured on all test rows", "leave out `segment` or `rival`")
                return None
            return ("rivals", rival.text.strip(), metric.text.strip())
        if segment is not None:
            column, _, value = segment.text.partition("=")
            return ("segments", column.strip(), value.strip(), metric.text.strip())
        return ("metrics", metric.text.strip())


# MLflow


def _run(tree: Mapping) -> Mapping | None:
    """The run in a file of MLflow; None if the file is not one."""
    inner = tree.entries.get("run")
    run = inner if isinstance(inner, Mapping) else tree
    return run if {"info", "data"} <= run.entries.keys() else None


class _Run:
    """The metrics of a run whose names are paths in `metrics.json`, such as `segments/country/DE/recall/samples`. The
    last step `value` may be left out, and other metrics, such as the loss of each epoch, are ignored.
    """

    def __init__(self, run: Mapping, found: list[Diagnostic]) -> None:
        self.run, self.found = run, found

    def tree(self) -> Mapping | None:
        grown = _Grown(self.run, self.found)
        for key, value in self.metrics():
            path = tuple(key.text.split("/"))
            if path[0] in PREFIXES:
                grown.put(_completed(path), key, value)
        if "metrics" not in grown.root.entries:
            self.found.append(
                Diagnostic(
                    id="MLS009",
                    severity="error",
                    message="the run has no metric whose name starts with `metrics/`",
                    span=self.run.span,
                    help="log results as `metrics/roc_auc` and `metrics/roc_auc/samples`, for example",
                )
            )
            return None
        self.info(grown)
        return grown.root

    def metrics(self) -> Iterator[tuple[Scalar, Node]]:
        """The names and values: a mapping, or a list of `key` and `value`."""
        data = self.run.entries["data"]
        given = data.entries.get("metrics") if isinstance(data, Mapping) else None
        if isinstance(given, Mapping):
            yield from ((given.keys[name], value) for name, value in given.entries.items())
        for one in given.items if isinstance(given, Sequence) else ():
            if isinstance(one, Mapping):
                key, value = one.entries.get("key"), one.entries.get("value")
                if isinstance(key, Scalar) and value is not None:
                    yield key, value

    def info(self, grown: _Grown) -> None:
        """The model's version and commit, from the tags `mlspec.version` and `mlflow.source.git.commit`."""
        wanted = {"mlspec.version": "version", "mlflow.source.git.commit": "revision"}
        data = self.run.entries["data"]
        tags = data.entries.get("tags") if isinstance(data, Mapping) else None
        pairs = list(tags.entries.items()) if isinstance(tags, Mapping) else []
        for one in tags.items if isinstance(tags, Sequence) else ():
            key = one.entries.get("key") if isinstance(one, Mapping) else None
            if isinstance(one, Mapping) and isinstance(key, Scalar) and "value" in one.entries:
                pairs.append((key.text, one.entries["value"]))
        for name, value in pairs:
            if name in wanted and isinstance(value, Scalar):
                grown.put(("model", wanted[name]), value, value)


def _completed(path: tuple[str, ...]) -> tuple[str, ...]:
    """The path of a value, whose last step may be left out."""
    depth = {"metrics": 2, "segments": 4, "rivals": 3}.get(path[0])
    if path[0] == "splits" and len(path) > 2 and path[2] == "metrics":
        depth = 4
    return (*path, "value") if depth == len(path) else path
