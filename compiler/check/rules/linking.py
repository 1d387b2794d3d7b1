"""Explanations of the ids that are reported about the output as a whole, after its objects are made."""

from __future__ import annotations

from .explanation import Explanation, explained

__all__ = ["LINKING"]

LINKING: dict[str, Explanation] = {
    "MLS031": explained(
        """Two objects with the same name.

        Why: objects are named after their service, with `-canary` and `-shadow` appended for new versions. A service
        called `canary` or `shadow` would overwrite them.

        Bad:
            services:
              canary: {mode: online, runtime: triton}
        Good:
            services:
              challenger: {mode: online, runtime: triton}
        """
    ),
    "MLS032": explained(
        """Name that is too long for Kubernetes.

        Why: controllers append suffixes to the names of the objects that they create. A name that leaves no room is
        rejected when the controller creates its object, not when you apply the manifest.

        Bad:
            services:
              the-challenger-that-was-trained-on-the-last-two-years: {mode: online, runtime: triton}
        Good:
            services:
              challenger: {mode: online, runtime: triton}
        """
    ),
    "MLS033": explained(
        """Patch for an object that does not exist.

        Why: the patch would do nothing, and the problem that it was meant to fix would remain.

        Bad:
            patches:
              - target: {kind: Service, name: another-system}
                reason: internal traffic only
                patch: {spec: {internalTrafficPolicy: Local}}
        Good:
            patches:
              - target: {kind: Service, name: base}
                reason: internal traffic only
                patch: {spec: {internalTrafficPolicy: Local}}
        """
    ),
    "MLS034": explained(
        """Dangling reference between objects.

        Why: an object names another one that does not exist, or selects no pods. The cluster accepts it, and it
        silently does nothing. Only a patch can cause this.

        Bad:
            patches:
              - target: {kind: Service, name: base}
                reason: another label
                patch: {spec: {selector: {app: another}}}
        Good:
            patches:
              - target: {kind: Service, name: base}
                reason: internal traffic only
                patch: {spec: {internalTrafficPolicy: Local}}
        """
    ),
    "MLS037": explained(
        """Incomplete output.

        Why: mlspec leaves out what it refuses to compile. If a comment or the platform turns off the finding that says
        so, the output lacks objects, and a GitOps tool deletes them from the cluster. Such output is never written.

        Bad:
            constraints:
              latency: {p99: 200ms}
            release:
              artifact: {format: sklearn}
            serving:
              runtime: mlserver
            # mlspec.platform.yaml
            apiVersion: mlspec/v1
            kind: Platform
            platform: {policies: {severity: {MLS501: "off"}}}
        Good:
            constraints:
              latency: {p99: 250ms}
            release:
              artifact: {format: sklearn}
            serving:
              runtime: mlserver
            # mlspec.platform.yaml
            apiVersion: mlspec/v1
            kind: Platform
            platform: {policies: {severity: {MLS501: "off"}}}
        """
    ),
    "MLS038": explained(
        """Patch that does not fit its object.

        Why: fields of Kubernetes objects have one type, and the API server rejects an object in which a list replaces a
        mapping, or a number a string, after other objects have been applied. The kind and the name of an object are
        what other objects refer to.

        Bad:
            patches:
              - target: {kind: Service, name: base}
                reason: owned by the payments team
                patch: {metadata: {annotations: {example.com/team: 7}}}
        Good:
            patches:
              - target: {kind: Service, name: base}
                reason: owned by the payments team
                patch: {metadata: {annotations: {example.com/team: "7"}}}
        """
    ),
    "MLS039": explained(
        """Suppression that the platform does not allow.

        Why: a rule that the platform sets to `error` holds for every system. If a comment could suppress it, the author
        of a spec would decide whether it applies.

        Bad:
            constraints:
              availability: 99.9%  # mlspec: ignore[MLS502] low traffic
            # mlspec.platform.yaml
            apiVersion: mlspec/v1
            kind: Platform
            platform: {policies: {severity: {MLS5: error}}}
        Good:
            constraints:
              availability: 99.9%
            # mlspec.platform.yaml
            apiVersion: mlspec/v1
            kind: Platform
            platform: {policies: {severity: {MLS5: error}}}
        """
    ),
    "MLS040": explained(
        """Object that is too large for the cluster.

        Why: the API server rejects objects whose annotations exceed 256 KiB or whose data exceeds 1 MiB, and etcd those
        of more than 1.5 MiB. The Prometheus operator skips rules of more than 512 KiB, and none of their alerts
        fires. Only a patch, or very many texts or bounds, can cause this.

        Bad:
            patches:
              - target: {kind: Service, name: base}
                reason: notes on every incident
                patch: {metadata: {annotations: {a: "30 KiB", b: "30 KiB", ..., i: "30 KiB"}}}
        Good:
            patches:
              - target: {kind: Service, name: base}
                reason: notes on every incident
                patch: {metadata: {annotations: {incidents: https://wiki.example.com/incidents}}}
        """
    ),
    "MLS041": explained(
        """Object that `kubectl apply` cannot apply.

        Why: without `--server-side`, `kubectl apply`, like Argo CD by default, keeps a copy of each object in an
        annotation, and annotations are limited to 256 KiB. If you apply on the server's side, suppress this finding.

        Bad:
            patches:
              - target: {kind: Service, name: base}
                reason: notes on every incident
                patch: {metadata: {annotations: {a: "30 KiB", b: "30 KiB", ..., h: "30 KiB"}}}
        Good:
            patches:
              - target: {kind: Service, name: base}
                reason: notes on every incident
                patch: {metadata: {annotations: {incidents: https://wiki.example.com/incidents}}}
        """,
        "warning",
    ),
}
