"""The limits on what mlspec reads and on what it writes. The reference lists them all.

Those on input keep the time and the memory of a run in proportion to what a person writes. Those on output are the
limits of the API server: an object beyond one of them is rejected when it is applied, long after its spec was merged.
"""

from __future__ import annotations

from .record import Record

__all__ = [
    "ANNOTATIONS",
    "APPLIED",
    "CONFIG_MAP",
    "ENVIRONMENTS",
    "FILE",
    "LEVELS",
    "LIMITS",
    "OBJECT",
    "PATCHES",
    "RULES",
    "SERVICES",
    "SUPPRESSIONS",
    "TEXT",
    "VALUES",
    "Limit",
]


class Limit(Record):
    """The maximum of something, with the reason for the number or its source."""

    of: str
    """What it limits, as in "bytes of a file"."""
    most: int
    """The largest number that is accepted."""
    why: str


FILE = Limit(of="bytes of a file", most=1 << 20, why="a spec of 300 services has less than a tenth of that")
LEVELS = Limit(of="levels of a file", most=64, why="YAML parsers crash on deep nesting")
VALUES = Limit(of="values of a file", most=50_000, why="aliases repeat values, exponentially if they are nested")
ENVIRONMENTS = Limit(of="environments of a spec", most=100, why="each one compiles the whole system again")
SERVICES = Limit(
    of="services of a spec",
    most=1_000,
    why="a service takes about 10 ms and 500 KB in each environment, so it counts once for each",
)
PATCHES = Limit(of="patches of a spec", most=200, why="every patch is compared with every object")
TEXT = Limit(
    of="characters of a value",
    most=32 << 10,
    why="annotations and alerts repeat the texts of a spec, and an object holds no more than 256 KiB of them",
)
SUPPRESSIONS = Limit(of="suppressions in a file", most=1_000, why="beyond that, a policy of the platform is clearer")
ANNOTATIONS = Limit(
    of="bytes of the annotations of an object",
    most=256 << 10,
    why="the API server rejects more (kubernetes/apimachinery, pkg/api/validation/objectmeta.go: "
    "`TotalAnnotationSizeLimitB`)",
)
CONFIG_MAP = Limit(
    of="bytes of the data of a ConfigMap",
    most=1 << 20,
    why="the API server rejects more (kubernetes/kubernetes, pkg/apis/core/types.go: `MaxSecretSize`)",
)
OBJECT = Limit(
    of="bytes of an object",
    most=3 << 19,
    why="etcd rejects requests of more than 1.5 MiB (etcd-io/etcd, server/embed/config.go: `DefaultMaxRequestBytes`)",
)
RULES = Limit(
    of="bytes of a PrometheusRule",
    most=512 << 10,
    why="the Prometheus operator skips larger ones, and says so only in its log and in an event "
    "(prometheus-operator/prometheus-operator, pkg/operator/rules.go: `MaxConfigMapDataSize`)",
)
APPLIED = Limit(
    of="bytes of an object that `kubectl apply` can apply",
    most=ANNOTATIONS.most - (1 << 10),
    why="without `--server-side`, `kubectl apply` keeps a copy in an annotation, and annotations hold 256 KiB",
)

LIMITS = (
    FILE,
    LEVELS,
    VALUES,
    TEXT,
    ENVIRONMENTS,
    SERVICES,
    PATCHES,
    SUPPRESSIONS,
    ANNOTATIONS,
    CONFIG_MAP,
    OBJECT,
    RULES,
    APPLIED,
)
