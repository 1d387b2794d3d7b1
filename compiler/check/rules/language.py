"""What every id means that is not a rule's: the language here, and what is refused once it is understood.

`mlspec lint --explain` and the page of all diagnostics read this table. Each text has the four parts that a rule's
docstring has. In a fragment, a line such as `# releases/production.yaml` begins another file.
"""

from __future__ import annotations

from .explanation import Explanation, explained
from .refusals import REFUSALS

__all__ = ["IDS"]

IDS: dict[str, Explanation] = {
    "MLS001": explained(
        """Text that is not YAML.

        Why: the file is read as YAML 1.2, without tags, with one document and a mapping at its top. Characters that end
        a line for some readers and not for others are refused.

        Bad:
            metadata:
              description: Scores payments: before authorisation.
        Good:
            metadata:
              description: "Scores payments: before authorisation."
        """
    ),
    "MLS002": explained(
        """Input that cannot be read.

        Why: the file is missing, not UTF-8, larger than 1 MiB, or nested so deeply that readers of YAML crash on it; or
        a `--set` has no path or no value.

        Bad:
            mlspec lint mlspec.yml
        Good:
            mlspec lint mlspec.yaml
        """
    ),
    "MLS003": explained(
        """Key or name that is given twice.

        Why: readers of YAML keep one of two equal keys without a word, and which one depends on the reader. Items of a
        list that are known by name must differ in it.

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

        Why: a misspelt key that is ignored is a setting that silently does nothing.

        Bad:
            constraints:
              latencies: {p99: 50ms}
        Good:
            constraints:
              latency: {p99: 50ms}
        """
    ),
    "MLS005": explained(
        """Value of another type.

        Why: a list where a mapping is meant, or a text where a number is, is a misunderstanding that YAML does not
        notice.

        Bad:
            serving:
              batching: 8
        Good:
            serving:
              batching: {maxSize: 8}
        """
    ),
    "MLS006": explained(
        """Text that does not spell its quantity.

        Why: units are written, never assumed: 50 could be milliseconds or seconds, and one of them is a thousand times
        the other. The same holds for names, URIs and schedules: each has one spelling.

        Bad:
            constraints:
              latency: {p99: 50}
        Good:
            constraints:
              latency: {p99: 50ms}
        """
    ),
    "MLS007": explained(
        """Word that the field does not know.

        Why: the field takes one of a few words. A word that is near one of them is not taken for it: what runs must be
        what was meant.

        Bad:
            problem:
              task: clasification
        Good:
            problem:
              task: binary-classification
        """
    ),
    "MLS008": explained(
        """Number out of its range.

        Why: outside its bounds the number means nothing that could be built.

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

        Why: there is no sensible answer but the author's.

        Bad:
            data:
              sources: [{name: transactions, owner: payments-core}]
        Good:
            data:
              sources: [{name: transactions, owner: payments-core, ingestion: batch}]
        """
    ),
    "MLS010": explained(
        """Name that nothing declares.

        Why: one part of a spec refers to another by name. A name that leads nowhere would be an empty credential, an
        unknown runtime or a column that does not exist.

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

        Why: `null` in an environment removes what the spec gives. Where nothing is given there is nothing to remove, so
        that a value was forgotten, or the key is misspelt.

        Bad:
            constraints:
              budget:
        Good:
            constraints:
              budget: 4000 USD/month
        """
    ),
    "MLS012": explained(
        """Field that nothing can honour.

        Why: what is written and has no effect is a promise that the system does not keep. The runtime, the platform or
        the mode cannot do it; the message names those that can.

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
        """Field that is not compiled yet.

        Why: the language has the field, and this version of mlspec checks it and does nothing with it.

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
        """Change of a value that the platform locks.

        Why: the platform team answers for the value in every system, and has said so in the platform file.

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
              description: Keeps to the platform's window.
            # mlspec.platform.yaml
            apiVersion: mlspec/v1
            kind: Platform
            spec: {monitoring: {slo: {window: 30d}}}
            platform: {policies: {locked: [monitoring.slo.window]}}
        """
    ),
    "MLS015": explained(
        """Inline release beside a release file.

        Why: `mlspec promote` and `mlspec rollback` write the file. What stands in the spec would be forgotten, or bring
        an old version back.

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
    "MLS017": explained(
        """Two answers of which only one can be meant.

        Why: they say the same thing in two ways, or two things that exclude each other.

        Bad:
            success:
              - {metric: latency-p99, max: 50ms, min: 10ms, by: 2026-12-31}
        Good:
            success:
              - {metric: latency-p99, max: 50ms, by: 2026-12-31}
        """
    ),
    "MLS018": explained(
        """File that the published schema refuses.

        Why: `mlspec schema --validate` holds a file to the JSON Schema as an editor or another tool would. It knows
        shapes and spellings, and says nothing of names, environments and rules; `mlspec lint` says more, and what to
        write.

        Bad:
            constraints:
              availability: 99.9
        Good:
            constraints:
              availability: 99.9%
        """
    ),
    "MLS019": explained(
        """Suppression that suppresses nothing, or has expired.

        Why: a comment that no longer answers anything hides the next finding on its line. One with a date is a promise
        to mend by that date.

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
    **REFUSALS,
}
