"""Explanations of the ids that decisions, targets, and plugins report."""

from __future__ import annotations

from .explanation import Explanation, explained

__all__ = ["REFUSALS"]

REFUSALS: dict[str, Explanation] = {
    "MLS035": explained(
        """Pod without an mlspec runtime image.

        Why: recorders of predictions, the process that measures them, and downloads from the Hugging Face Hub run
        mlspec itself in the cluster. There is no public image, so that you only ever run one that you built; the
        platform file names yours.

        Bad:
            monitoring:
              capture: {by: sidecar, to: s3://feedback/fraud, id: payment_id}
        Good:
            platform:
              images: {runtime: "registry.example.com/mlspec-runtime:0.1.0"}
            monitoring:
              capture: {by: sidecar, to: s3://feedback/fraud, id: payment_id}
        """
    ),
    "MLS036": explained(
        """Plugin that cannot be loaded or that fails.

        Why: the platform relies on what its plugins add to every system, such as a label that a cluster policy
        requires. If one of them is missing, nothing is written.

        Bad:
            metadata:
              description: Uses the platform's plugins.
            # mlspec.platform.yaml
            apiVersion: mlspec/v1
            kind: Platform
            platform: {plugins: ["acme_targets:COST_CENTER"]}
        Good:
            metadata:
              description: Uses the platform's plugins.
            # mlspec.platform.yaml
            apiVersion: mlspec/v1
            kind: Platform
            platform: {plugins: []}
        """
    ),
    "MLS289": explained(
        """Date on the wrong side of today.

        Why: a test that has not run yet shows nothing, so the score does not count evidence from the future. And after
        the due date of a target, only its author can say whether it was reached. `--today` sets the day.

        Bad:
            success:
              - {metric: latency-p99, max: 50ms, by: 2020-12-31}
        Good:
            success:
              - {metric: latency-p99, max: 50ms, by: 2099-12-31}
        """,
        "warning",
    ),
    "MLS440": explained(
        """Autoscaling on CPU usage for a server that waits for something else.

        Why: while an accelerator works, the processors of its server are mostly idle. Their usage stays below any
        target, however many requests wait, so the autoscaler adds no replicas at the peak. Requests in flight show the
        load, and both KEDA and a metrics adapter can scale on them.

        Bad:
            platform:
              autoscaling: {provider: hpa}
              rollout: {provider: none}
            serving: {mode: online, runtime: triton, resources: {accelerator: {type: l4}}, serviceTime: {mean: 20ms}}
            rollout: {}
        Good:
            platform:
              autoscaling: {provider: hpa, adapter: prometheus-adapter}
              rollout: {provider: none}
            serving: {mode: online, runtime: triton, resources: {accelerator: {type: l4}}, serviceTime: {mean: 20ms}}
            rollout: {}
        """
    ),
    "MLS501": explained(
        """Latency bound that the runtime cannot measure.

        Why: a histogram can only answer for its own bucket bounds. An objective at any other bound selects an empty
        series, and its alert never fires. The next lower bucket is used instead if it is within 30% of the bound.

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
        """Objective that cannot be alerted on.

        Why: an objective of 100% has no error budget, so the first failure pages someone. An objective that is too low
        has an error budget so large that no failure rate can burn it fast enough to fire an alert.

        Bad:
            constraints:
              availability: 100%
        Good:
            constraints:
              availability: 99.9%
        """
    ),
    "MLS606": explained(
        """Traffic mirroring that the gateway does not support.

        Why: a gateway that cannot mirror a percentage of the requests ignores the percentage, or the whole filter. The
        shadow would receive no traffic, or more than it has replicas for.

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
        """Two controllers of one replica count.

        Why: an autoscaler that scales on CPU counts the canary's pods together with the stable ones and sizes the
        stable version by the sum, so every rollout ratchets the replicas up to the maximum. KEDA scales on the total
        load instead, and so does an autoscaler that uses a metrics adapter.

        Bad:
            platform:
              autoscaling: {provider: hpa}
        Good:
            platform:
              autoscaling: {provider: hpa, adapter: prometheus-adapter}
        """
    ),
    "MLS610": explained(
        """Two routes that match the same requests.

        Why: the gateway sends all of these requests to the older route, or else to the first by name. The other route
        is accepted, too, and its service silently gets no requests. Services, environments without a `cluster` of
        their own, and all systems of a run are compared.

        Bad:
            services:
              base: {endpoint: {hosts: [models.example.com]}}
              challenger: {mode: online, runtime: triton, model: base, endpoint: {hosts: [models.example.com]}}
        Good:
            services:
              base: {endpoint: {hosts: [base.example.com]}}
              challenger: {mode: online, runtime: triton, model: base, endpoint: {hosts: [challenger.example.com]}}
        """
    ),
    "MLS611": explained(
        """Object that two environments or two systems write.

        Why: the version that is applied last replaces the other. Environments without a `cluster` are taken to share
        one. A ServiceAccount may be shared if all systems write the same and no GitOps tool applies it, because Argo CD
        and Flux own what they apply: each writes its own labels over those of the other, and the first that no longer
        has the account deletes it for both.

        Bad:
            environments:
              staging: {namespace: models}
              production: {namespace: models}
        Good:
            environments:
              staging: {namespace: models-staging}
              production: {namespace: models}
        """
    ),
    "MLS630": explained(
        """Folder that a GitOps tool applies for two environments or two systems.

        Why: a folder has the output of one environment. Argo CD and Flux apply it for both, so that one of them is
        never deployed, or both own the same objects, and each deletes them when it moves on. All systems of a run are
        compared: a path without `{system}` in a platform file is the same for each of them.

        Bad:
            platform:
              gitops: {tool: flux, source: deploy, path: "deploy/{system}"}
            environments:
              staging: {namespace: models-staging}
              production: {namespace: models}
        Good:
            platform:
              gitops: {tool: flux, source: deploy, path: "deploy/{system}/{environment}"}
            environments:
              staging: {namespace: models-staging}
              production: {namespace: models}
        """
    ),
    "MLS631": explained(
        """Environments of several clusters that Argo CD deploys to one.

        Why: an Application names the API server of its cluster, and the default is the cluster that Argo CD runs in.
        Two environments in different clusters then arrive in the same one. The other cluster runs nothing, and if both
        have the same namespace, they replace each other's objects. If each cluster runs its own Argo CD, that address
        is right for all of them: write it, to say so.

        Bad:
            platform:
              gitops: {tool: argocd, repository: "https://git.example.com/deploy.git"}
            environments:
              eu: {cluster: eu}
              us: {cluster: us}
        Good:
            platform:
              gitops: {tool: argocd, repository: "https://git.example.com/deploy.git"}
            environments:
              eu: {cluster: eu, spec: {platform: {gitops: {server: "https://eu.k8s.example.com"}}}}
              us: {cluster: us, spec: {platform: {gitops: {server: "https://us.k8s.example.com"}}}}
        """
    ),
    "MLS632": explained(
        """One Prometheus that takes two clusters for one.

        Why: queries select the pods of a service by namespace, which is enough for the Prometheus of one cluster. One
        that has the series of several, such as Thanos or Mimir, adds up those of all clusters with that namespace.
        Autoscalers then start replicas for the load of other clusters, and a canary is judged by their pods as well:
        the same release has the same hash everywhere.

        Bad:
            platform:
              prometheus: {url: "https://thanos.example.com"}
            environments:
              eu: {cluster: eu, namespace: fraud}
              us: {cluster: us, namespace: fraud}
        Good:
            platform:
              prometheus: {url: "https://thanos.example.com"}
            environments:
              eu: {cluster: eu, namespace: fraud-eu}
              us: {cluster: us, namespace: fraud-us}
        """
    ),
    "MLS633": explained(
        """Canary or autoscaler whose metrics nothing scrapes.

        Why: the monitors that make Prometheus scrape the pods are part of `monitoring`. Without them, each step of a
        canary finds no data and waits for an engineer, and the queries of an autoscaler return nothing.

        Bad:
            environments:
              staging: {runs: [serving]}
        Good:
            environments:
              staging: {runs: [serving, monitoring]}
        """
    ),
    "MLS634": explained(
        """Promotion to an environment that serves no model.

        Why: the step `promote` writes the release file of the environment that its training run is in. If only another
        environment serves, the pull request is merged, and that one keeps the old model.

        Bad:
            retraining: {promote: {repository: payments/fraud, path: mlspec.yaml, access: git}}
            environments:
              training: {runs: [training]}
              production: {runs: [serving, monitoring]}
        Good:
            retraining: {promote: {repository: payments/fraud, path: mlspec.yaml, access: git}}
            environments:
              production: {runs: [training, serving, monitoring]}
        """
    ),
    "MLS705": explained(
        """Run that cannot finish before the next one.

        Why: runs never overlap, so the later one is silently skipped. The system then runs less often than its schedule
        says.

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
    "MLS754": explained(
        """Two environments, services, or systems that write one folder.

        Why: what is in a folder does not say who wrote it. A batch run of a test replaces the scores of production
        silently. Drift and quality would be measured on the requests of tests as well, or on those of the system whose
        spec was copied. Folders below each other count as one, because readers look into folders. A placeholder such as
        `{date}` is no place of its own: both have it. All systems of a run are compared.

        Bad:
            monitoring:
              capture: {by: client, to: s3://feedback/fraud, id: payment_id}
            environments:
              staging: {namespace: models-staging}
              production: {namespace: models}
        Good:
            monitoring:
              capture: {by: client, to: s3://feedback/fraud, id: payment_id}
            environments:
              staging:
                namespace: models-staging
                spec: {monitoring: {capture: {to: s3://feedback/fraud-staging}}}
              production: {namespace: models}
        """
    ),
}
