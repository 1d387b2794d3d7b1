"""What the ids mean by which stages after the language refuse: decisions, targets, plugins, and the link."""

from __future__ import annotations

from .explanation import Explanation, explained

__all__ = ["REFUSALS"]

REFUSALS: dict[str, Explanation] = {
    "MLS031": explained(
        """Two objects of one name.

        Why: a service's name becomes the names of its objects, and `-canary` and `-shadow` are added for new versions.
        A service that is called so would overwrite them.

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

        Why: controllers add to the names of what they make. A name that leaves no room is refused when the object is
        made, not when it is applied.

        Bad:
            services:
              the-challenger-that-was-trained-on-the-last-two-years: {mode: online, runtime: triton}
        Good:
            services:
              challenger: {mode: online, runtime: triton}
        """
    ),
    "MLS033": explained(
        """Patch of an object that does not exist.

        Why: the patch would do nothing, and whatever it was to mend would stay as it is.

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
        """Object that refers to nothing.

        Why: an object names another one that does not exist, or selects no pod. It is applied without a word and does
        nothing. Only a patch can cause it.

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
    "MLS035": explained(
        """Job that needs an image of mlspec's own.

        Why: gates and monitors run mlspec itself in the cluster. There is no public image of it, so that nobody runs
        one that they have not built. The platform names its own.

        Bad:
            training:
              steps: {train: {}, evaluate: {}}
            release:
              metrics: {roc_auc: 0.94}
            evaluation:
              primary: roc_auc
              gates: [{metric: roc_auc, versus: champion, minSamples: 20000}]
            retraining:
              schedule: "0 3 * * 1"
        Good:
            platform:
              images: {runtime: "registry.example.com/mlspec-runtime:0.1.0"}
            training:
              steps: {train: {}, evaluate: {}}
            release:
              metrics: {roc_auc: 0.94}
            evaluation:
              primary: roc_auc
              gates: [{metric: roc_auc, versus: champion, minSamples: 20000}]
            retraining:
              schedule: "0 3 * * 1"
        """
    ),
    "MLS036": explained(
        """Plugin that cannot be loaded, or fails.

        Why: the platform counts on what its plugins add to every system, such as a label that a policy of the cluster
        asks for. Without one of them nothing is written.

        Bad:
            metadata:
              description: Uses the platform's plugins.
            # mlspec.platform.yaml
            apiVersion: mlspec/v1
            kind: Platform
            platform: {plugins: ["acme_targets:COST_CENTRE"]}
        Good:
            metadata:
              description: Uses the platform's plugins.
            # mlspec.platform.yaml
            apiVersion: mlspec/v1
            kind: Platform
            platform: {plugins: []}
        """
    ),
    "MLS501": explained(
        """Latency bound that the runtime cannot measure.

        Why: a histogram answers only for its own buckets. An objective at another bound selects an empty series, and
        its alert never fires. The nearest bucket below stands in for a bound that is up to 30 % above it.

        Bad:
            constraints:
              latency: {p99: 200ms}
            release:
              artifact: {format: sklearn}
            serving:
              runtime: mlserver
        Good:
            constraints:
              latency: {p99: 250ms}
            release:
              artifact: {format: sklearn}
            serving:
              runtime: mlserver
        """
    ),
    "MLS502": explained(
        """Objective that no alert can guard.

        Why: of 100 % nothing may fail, so the first failure wakes somebody. An objective that is too low has an error
        budget that no failure rate can burn fast enough.

        Bad:
            constraints:
              availability: 100%
        Good:
            constraints:
              availability: 99.9%
        """
    ),
    "MLS606": explained(
        """Mirroring that the gateway cannot do.

        Why: gateways that cannot mirror a share of requests ignore the share, or the whole filter. The shadow would see
        no traffic, or more than it has replicas for.

        Bad:
            platform:
              gateway: {mirroring: none}
            release:
              shadow:
                version: 2
                artifact:
                  uri: https://models.example.com/2.onnx
                  format: onnx
                  digest: sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
            rollout:
              stages: [{shadow: {percent: 10%}}]
        Good:
            platform:
              gateway: {mirroring: percent}
            release:
              shadow:
                version: 2
                artifact:
                  uri: https://models.example.com/2.onnx
                  format: onnx
                  digest: sha256:5c688690f8bacf667d4c2074af5ad0646ca328d7ab03eccf944a65b320171bdd
            rollout:
              stages: [{shadow: {percent: 10%}}]
        """
    ),
    "MLS607": explained(
        """Two controllers of one number.

        Why: an autoscaler that looks at processors counts the canary's pods with the stable ones, and sizes the stable
        version by the sum: replicas ratchet up to the maximum with every rollout. KEDA asks for the load as a
        total, and so does an autoscaler behind a metrics adapter.

        Bad:
            platform:
              autoscaling: {provider: hpa}
        Good:
            platform:
              autoscaling: {provider: hpa, adapter: prometheus-adapter}
        """
    ),
    "MLS705": explained(
        """Run that cannot end before the next one.

        Why: two runs never work at the same time, so the later one is skipped without a word. The schedule then says
        more than the system does.

        Bad:
            training:
              fit: 30h
            retraining:
              schedule: "0 3 * * *"
        Good:
            training:
              fit: 2h
            retraining:
              schedule: "0 3 * * *"
        """
    ),
}
