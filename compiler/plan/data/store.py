"""The feature store: what each view reads, how it is computed, and when the job that fills the store runs.

Feast's local engine cannot aggregate over a time window ("Time window aggregation is not supported in the local compute
engine", feast/infra/compute_engines/local/feature_builder.py, 0.67), and it passes only the rows since the last run to
a function. So the job itself computes such views, as tables, and Feast reads a table like any other source.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TypeVar

from ....schema.units import Duration
from ...because import Because, Unavailable, because, decision, fixed, text
from ...finding import Refusal, refusal
from ...system import Column, DataSource, Entity, Feature, Features, FeatureView, Materialization, RunVersion
from .. import cron
from ..choose import whole_seconds
from ..scope import Scope

__all__ = ["StorePlan", "ViewPlan"]

P = TypeVar("P", Entity, DataSource)

SUFFIX = "features"
PLAIN = "the feature without `transform`"
UTC = fixed("UTC", "the schedules of views are in UTC")

KEPT = ("s3", "gs", "hdfs")
"""The stores in which Feast keeps the file of its registry. Its own folder, `file`, would end with the pod."""
READ = (*KEPT, "gcs", "abfs", "abfss")
"""The stores from which the job reads Parquet files, as Arrow names them (arrow.apache.org, FileSystem.from_uri)."""


class StorePlan:
    """The job that fills the feature store in one environment."""

    def __init__(self, scope: Scope, features: Features, part: Materialization) -> None:
        self.scope, self.features, self.part = scope, features, part

    @cached_property
    def name(self) -> Because[str]:
        """The name of the CronJob."""
        return text(f"{{system}}-{SUFFIX}", system=self.scope.system.metadata.name)

    @cached_property
    def project(self) -> Because[str]:
        """Feast's name for everything of this system in this environment: letters, digits, and underscores."""
        return _project(self.scope.system.metadata.name, self.scope.environment)

    @cached_property
    def folder(self) -> Because[str]:
        """The folder of this environment, so that two environments never write the same registry or table."""
        given = _reachable(self.part.tables.uri, KEPT, "keep its tables at")
        uri = given.map(lambda given: given.rstrip("/"))
        return text("{uri}/{project}", uri=uri, project=self.project)

    @cached_property
    def views(self) -> tuple[ViewPlan, ...]:
        """The views."""
        if not self.features.views:
            raise refusal(
                "MLS009",
                "there is no view to materialize",
                self.part.image,
                note="the job would run without an effect",
                help="add `views` under `features`, or remove `materialization`",
            )
        return tuple(ViewPlan(self, view) for view in self.features.views)

    # Time

    @cached_property
    def schedule(self) -> Because[str]:
        """The one schedule of all views."""
        found = [_scheduled(view.view) for view in self.views]
        for other in found[1:]:
            if other.value != found[0].value:
                raise refusal(
                    "MLS012",
                    "all views of a feature store are materialized together",
                    other,
                    others=((found[0], "another schedule"),),
                    note="two jobs that write the same registry lose each other's changes",
                    help="write the same `schedule` in all views",
                )
        return because(found[0].value, "the schedule of the views", found)

    @cached_property
    def cadence(self) -> Because[Duration]:
        """The shortest time between two runs."""
        return cron.cadence(self.schedule, UTC)

    @cached_property
    def longest_gap(self) -> Because[Duration]:
        """The longest time between two runs."""
        return cron.gap(self.schedule, cron.longest_gap)

    @cached_property
    def deadline(self) -> Because[Duration]:
        """How long a run may take, with its retries."""
        given = self.part.deadline.given
        if given is None:
            half, wait = cron.deadline(self.cadence), self.scope.platform.planning.node_wait
            wrong = cron.stopped(half, wait, self.schedule, "features.materialization.deadline")
            if wrong is not None:
                raise wrong
            return half
        if given.value >= self.cadence.value:
            raise refusal(
                "MLS705",
                f"a run may take {given.value}, but the next one starts after {self.cadence.value}",
                given,
                others=((self.schedule, "when it starts"),),
                note="two runs never overlap, so Kubernetes would silently skip the later one",
                help="write a shorter `deadline`, or start it less often",
            )
        return given

    @cached_property
    def late(self) -> Because[int]:
        """The start deadline in seconds."""
        return cron.late(self.cadence, self.deadline)

    @cached_property
    def kept(self) -> Because[int]:
        """How many seconds to keep a finished run."""
        return cron.kept(self.longest_gap)


class ViewPlan:
    """One view: what it reads, and how it is computed."""

    def __init__(self, store: StorePlan, view: FeatureView) -> None:
        self.store, self.view = store, view

    @property
    def name(self) -> Because[str]:
        """Its name."""
        return self.view.name

    @cached_property
    def entity(self) -> Entity:
        """The entity that its features describe."""
        return _named(self.store.features.entities, self.view.entity)

    @cached_property
    def source(self) -> DataSource:
        """The source in the spec."""
        return _named(self.store.scope.system.data.sources, self.view.source)

    @cached_property
    def uri(self) -> Because[str]:
        """Where the rows are, in Parquet files."""
        return _reachable(self._uri, READ, "read")

    @property
    def _uri(self) -> Because[str]:
        copy, source = self.view.batch_source, self.source
        if copy is not None:
            return copy.uri.also(self.view.source)
        if source.uri is None or source.ingestion.value != "batch":
            raise _no_files(self.view, source)
        if source.format is None or source.format.value != "parquet":
            what = "in an unknown format" if source.format is None else f"`{source.format.value}`"
            raise _other_format(self.view, source, what)
        return source.uri.also(self.view.source, source.format)

    @property
    def access(self) -> Because[str] | None:
        """The access to them."""
        return self.view.batch_source.access if self.view.batch_source is not None else self.source.access

    @property
    def columns(self) -> dict[str, Column]:
        """The declared columns of the source. Without `from`, a column is in any source."""
        return {
            one.name.value: one
            for one in self.store.scope.system.data.columns
            if one.from_ is None or one.from_.value == self.view.source.value
        }

    @cached_property
    def key(self) -> Column:
        """The column that identifies the entity."""
        return self.column(self.entity.key, "the key of the entity")

    def column(self, name: Because[str], what: str) -> Column:
        """A column of the source by its name. Another rule reports a reference to a column that is not declared."""
        found = self.columns.get(name.value)
        declared = {one.name.value for one in self.store.scope.system.data.columns}
        if found is None and name.value not in declared and what != PLAIN:
            raise Unavailable(name.value)
        if found is None:
            raise refusal(
                "MLS010",
                f"{what}, `{name.value}`, is no column of the source `{self.view.source.value}`",
                name,
                others=((self.view.source, "the source of the view"),),
                note="the job would fail at its first run, and the store would stay empty",
                help="add it to `data.columns`, with `from` this source",
            )
        return found

    @cached_property
    def timestamp(self) -> Column:
        """The column with the time of the event."""
        if self.view.timestamp is not None:
            return self._time(self.column(self.view.timestamp, "the time of the view"))
        found = [one for one in self.columns.values() if one.dtype.value in ("timestamp", "date")]
        if len(found) != 1:
            raise refusal(
                "MLS009",
                f"the time of the view `{self.name.value}` is unknown",
                self.name,
                others=tuple((one.name, "a candidate") for one in found),
                note="training would join values from after the prediction",
                help="add `timestamp` with the name of the column that holds the time of the event",
            )
        return self._time(found[0])

    def _time(self, column: Column) -> Column:
        allowed = ("timestamp", "date") if self.computed.value else ("timestamp",)
        if column.dtype.value not in allowed:
            raise refusal(
                "MLS012",
                f"`{column.name.value}` is a `{column.dtype.value}`, not a time that Feast can compare",
                self.view.timestamp if self.view.timestamp is not None else column.dtype,
                others=((column.dtype, "its type"),),
                note="`feast materialize-incremental` would fail",
                help="name a column with `dtype: timestamp`",
            )
        return column

    @cached_property
    def computed(self) -> Because[bool]:
        """Whether the job computes the view, because its features are not columns of the source."""
        plain = [one for one in self.view.features if one.transform is None]
        made = [one for one in self.view.features if one.transform is not None]
        if plain and made:
            raise refusal(
                "MLS012",
                f"`{plain[0].name.value}` is a column, and `{made[0].name.value}` is computed",
                plain[0].name,
                others=((made[0].name, "of the same view"),),
                note="a view is either the source as it is, or a table that the job computes",
                help="move the columns to a view of their own",
            )
        for feature in plain:
            self.column(feature.name, PLAIN)
        return because(bool(made), "its features have a `transform`" if made else "its features are columns", made)

    @cached_property
    def table(self) -> Because[str]:
        """What Feast reads: the table that the job computes, otherwise the source."""
        if not self.computed.value:
            return self.uri
        made = text("{folder}/{view}", folder=self.store.folder, view=self.name)
        return made.also(self.computed)

    @cached_property
    def ttl(self) -> Because[int]:
        """The age in seconds after which Feast treats a value as missing in training; 0 for never."""
        return _ttl(self.computed, self.view.max_age)

    @cached_property
    def lag(self) -> Because[int]:
        """How many seconds before the run its data ends, because later records may still change."""
        version = self.source.version
        if isinstance(version, RunVersion):
            return version.lag.map(whole_seconds).also(version.kind)
        return fixed(0, "records are final when they arrive")

    def window(self, feature: Feature) -> Because[int]:
        """How many seconds back a feature looks."""
        transform = feature.transform
        assert transform is not None
        if transform.window is None:
            raise refusal(
                "MLS009",
                f"the feature `{feature.name.value}` has no window",
                first_of(transform.code, transform.aggregate, feature.name),
                note="the job would have to read all the history in each run",
                help="add `window` with how far back it looks, such as `window: 7d`",
            )
        return transform.window.map(whole_seconds)


def first_of(*places: Because[str] | None) -> Because[str]:
    """The first place that the spec sets."""
    return next(place for place in places if place is not None)


def _scheduled(view: FeatureView) -> Because[str]:
    if view.schedule is None:
        raise refusal(
            "MLS009",
            f"the view `{view.name.value}` has no schedule",
            view.name,
            note="without one, its values are never renewed; the operator of Feast would renew them once a year",
            help='add a schedule, such as `schedule: "*/15 * * * *"`, that is shorter than `maxAge`',
        )
    return view.schedule


@decision
def _project(system: Because[str], environment: Because[str]) -> tuple[str, str]:
    name = re.sub(r"[^a-z0-9]", "_", f"{system.value}_{environment.value}".lower())
    return name, "the system and the environment, in the characters that Feast accepts"


@decision
def _ttl(computed: Because[bool], max_age: Because[Duration] | None) -> tuple[int, str]:
    if computed.value:
        return 0, "a computed value holds until the next one, so its own age says nothing"
    if max_age is None:
        return 0, "there is no `maxAge`"
    return whole_seconds(max_age.value), "`maxAge`"


def _reachable(uri: Because[str], schemes: tuple[str, ...], what: str) -> Because[str]:
    """Refuse a place that the job, which has no volumes of its own, cannot read or write."""
    scheme = uri.value.partition("://")[0]
    if scheme in schemes:
        return uri
    raise refusal(
        "MLS012",
        f"the job that fills the feature store cannot {what} `{scheme}://`",
        uri,
        note="it would fail at its first run, and the store would stay empty",
        help="write a URI that starts with `s3://` or `gs://`",
    )


def _no_files(view: FeatureView, source: DataSource) -> Refusal:
    stream = source.ingestion.value != "batch"
    return refusal(
        "MLS012",
        f"the source `{source.name.value}` is "
        + (f"{'a stream' if source.ingestion.value == 'streaming' else 'part of requests'}" if stream else "nowhere"),
        view.source,
        label="the view reads it",
        others=((source.ingestion, "how its data arrives"),),
        note="a job that runs on a schedule reads files",
        help=f"add `batchSource: {{uri: ...}}` to the view `{view.name.value}`, with the place where the source is "
        "stored in Parquet files",
    )


def _other_format(view: FeatureView, source: DataSource, what: str) -> Refusal:
    return refusal(
        "MLS012",
        f"the source `{source.name.value}` is {what}, and the feature store reads Parquet files",
        source.format if source.format is not None else source.name,
        others=((view.source, "the view reads it"),),
        note="the job would fail at its first run",
        help="write `format: parquet` if it is, or add `batchSource: {uri: ...}` to the view with a Parquet copy",
    )


def _named(parts: tuple[P, ...], name: Because[str]) -> P:
    """The part with a name. Another rule reports a name that nothing has."""
    for part in parts:
        if part.name.value == name.value:
            return part
    raise Unavailable(name.value)
