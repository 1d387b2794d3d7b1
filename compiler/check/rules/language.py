"""Explanations of the ids that are not rules: mistakes in the language here, later refusals in `refusals`.

`mlspec lint --explain` and the diagnostics page read this table. Each text has the same four parts as a rule's
docstring. In a fragment, a line such as `# releases/production.yaml` starts another file.
"""

from __future__ import annotations

from .explanation import Explanation, explained
from .linking import LINKING
from .refusals import REFUSALS

__all__ = ["IDS"]

IDS: dict[str, Explanation] = {
    "MLS001": explained(
        """Invalid YAML.

        Why: files are read as YAML 1.2, without tags and merge keys, with one document per file and a mapping on top.
        Characters that end a line for some parsers and not for others are rejected.

        Bad:
            metadata:
              description: Scores payments: before authorization.
        Good:
            metadata:
              description: "Scores payments: before authorization."
        """
    ),
    "MLS002": explained(
        """Unreadable input.

        Why: the file is missing, is not UTF-8, is of another kind, or exceeds one of the [limits](limits.md), for
        example 1 MiB or 100 environments, or a `--set` option lacks a path or a value.

        Bad:
            mlspec lint mlspec.yml
        Good:
            mlspec lint mlspec.yaml
        """
    ),
    "MLS003": explained(
        """Duplicate key or name.

        Why: YAML parsers silently keep one of two equal keys, and which one depends on the parser. List items that are
        identified by name need unique names.

        Bad:
            constraints:
              availability: 99.9%
              availability: 99.5%
        Good:
            constraints:
              availability: 99.9%
        """
    ),
    "MLS004": explained(
        """Unknown key.

        Why: a misspelled key that is ignored is a setting that silently does nothing.

        Bad:
            constraints:
              latencies: {p99: 50ms}
        Good:
            constraints:
              latency: {p99: 50ms}
        """
    ),
    "MLS005": explained(
        """Wrong type.

        Why: a list where a mapping is expected, or text where a number is expected, is a mistake that YAML itself does
        not catch.

        Bad:
            serving:
              batching: 8
        Good:
            serving:
              batching: {maxSize: 8}
        """
    ),
    "MLS006": explained(
        """Malformed quantity, name, URI, or schedule.

        Why: units are written out, never assumed: 50 could mean milliseconds or seconds, a factor of a thousand. Names,
        URIs, and schedules have a fixed format, too.

        Bad:
            constraints:
              latency: {p99: 50}
        Good:
            constraints:
              latency: {p99: 50ms}
        """
    ),
    "MLS007": explained(
        """Invalid choice.

        Why: the field accepts one of a fixed set of values. mlspec suggests the closest one and never assumes it: what
        runs must be what you meant.

        Bad:
            problem:
              task: clasification
        Good:
            problem:
              task: binary-classification
        """
    ),
    "MLS008": explained(
        """Number out of range.

        Why: a number outside the field's bounds cannot be compiled into anything that works.

        Bad:
            rollout:
              keepVersions: 0
        Good:
            rollout:
              keepVersions: 5
        """
    ),
    "MLS009": explained(
        """Missing field.

        Why: the field has no default; only you can decide it.

        Bad:
            data:
              sources: [{name: transactions, owner: payments-core}]
        Good:
            data:
              sources: [{name: transactions, owner: payments-core, ingestion: batch}]
        """
    ),
    "MLS010": explained(
        """Undeclared name.

        Why: the parts of a spec refer to each other by name. An undeclared name would become an empty credential, an
        unknown runtime, or a column that does not exist.

        Bad:
            release:
              artifact: {access: models}
        Good:
            access:
              models: {kind: http, secret: models}
            release:
              artifact: {access: models}
        """
    ),
    "MLS011": explained(
        """Key without a value.

        Why: an empty value is `null`, which in an environment removes what the spec sets. Where there is nothing to
        remove, the value was forgotten or the key is misspelled.

        Bad:
            constraints:
              budget:
        Good:
            constraints:
              budget: 4000 USD/month
        """
    ),
    "MLS012": explained(
        """Field without an effect.

        Why: a field that has no effect is a promise that the system does not keep. The runtime, the platform, or the
        mode does not support it; the message names what does.

        Bad:
            serving:
              runtime: triton
              llm: {tokens: {context: 8192, output: 512}}
        Good:
            serving:
              runtime: triton
        """
    ),
    "MLS013": explained(
        """Field that is not supported yet.

        Why: the language has the field, but this version of mlspec only validates it and does nothing else with it.

        Bad:
            retraining:
              schedule: "0 3 * * 1"
              online: {algorithm: adaptive-random-forest}
        Good:
            retraining:
              schedule: "0 3 * * 1"
        """,
        "warning",
    ),
    "MLS014": explained(
        """Override of a locked value.

        Why: the platform team owns the value in every system and has locked it in the platform file.

        Bad:
            monitoring:
              slo: {window: 7d}
            # mlspec.platform.yaml
            apiVersion: mlspec/v1
            kind: Platform
            spec: {monitoring: {slo: {window: 30d}}}
            platform: {policies: {locked: [monitoring.slo.window]}}
        Good:
            metadata:
              description: Uses the platform's window.
            # mlspec.platform.yaml
            apiVersion: mlspec/v1
            kind: Platform
            spec: {monitoring: {slo: {window: 30d}}}
            platform: {policies: {locked: [monitoring.slo.window]}}
        """
    ),
    "MLS015": explained(
        """Release in the spec as well as in a release file.

        Why: `mlspec promote` and `mlspec rollback` update only the file. The release in the spec would go stale, or
        bring back an old version.

        Bad:
            release: {version: 12, artifact: {...}}
            # releases/production.yaml
            apiVersion: mlspec/v1
            kind: Release
            system: fraud-scorer
            environment: production
            release: {version: 13, artifact: {...}}
        Good:
            # releases/production.yaml
            apiVersion: mlspec/v1
            kind: Release
            system: fraud-scorer
            environment: production
            release: {version: 13, artifact: {...}}
        """
    ),
    "MLS016": explained(
        """Release file of another environment or system.

        Why: the file decides which version is live. One that was copied from another environment, or that belongs to
        another system in the same folder, releases a version that was never meant for this one. A file that no
        environment has the name of is a warning: nothing reads its versions.

        Bad:
            # releases/production.yaml
            apiVersion: mlspec/v1
            kind: Release
            system: fraud-scorer
            environment: staging
            release: {version: 13, artifact: {...}}
        Good:
            # releases/production.yaml
            apiVersion: mlspec/v1
            kind: Release
            system: fraud-scorer
            environment: production
            release: {version: 13, artifact: {...}}
        """
    ),
    "MLS017": explained(
        """Conflicting settings.

        Why: the settings say the same thing in two ways, or they exclude each other.

        Bad:
            success:
              - {metric: latency-p99, max: 50ms, min: 10ms, by: 2026-12-31}
        Good:
            success:
              - {metric: latency-p99, max: 50ms, by: 2026-12-31}
        """
    ),
    "MLS018": explained(
        """File that fails the published schema.

        Why: `mlspec schema --validate` checks a file against the JSON Schema, as an editor or another tool would. The
        schema covers structure and formats, but not names, environments, or rules; `mlspec lint` checks those as well,
        and says what to write.

        Bad:
            constraints:
              availability: 99.9
        Good:
            constraints:
              availability: 99.9%
        """
    ),
    "MLS019": explained(
        """Unused or expired suppression.

        Why: a suppression that no longer matches a finding hides the next one on its line. A suppression with a date is
        a promise to fix the cause by that date.

        Bad:
            constraints:
              availability: 99.9%  # mlspec: ignore[MLS502] low traffic until 2020-01-31
        Good:
            constraints:
              availability: 99.9%
        """,
        "warning",
    ),
    "MLS020": explained(
        """Committed output that differs from what its spec compiles to.

        Why: the cluster runs the committed output. A change to the spec alone has no effect, and the next
        `mlspec compile` overwrites manual edits of the output.

        Bad:
            mlspec check fraud-scorer
        Good:
            mlspec compile fraud-scorer && mlspec check fraud-scorer
        """
    ),
    **LINKING,
    **REFUSALS,
}
