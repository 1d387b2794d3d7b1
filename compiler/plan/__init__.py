"""Plan: the planner's decisions for one environment, each with its reason.

A plan is lazy: it makes each decision on first access, from the spec and from other decisions, and caches it. If a part
of the spec is invalid, only the decisions that depend on that part are unavailable.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from ..finding import refusal
from ..part import Named
from ..system import BatchService, OnlineService, Release, Service
from .dashboards import DashboardsPlan
from .scope import Scope
from .service import ServicePlan
from .serving.batch import BatchPlan
from .training import TrainingPlan
from .training.selection import Selection

if TYPE_CHECKING:
    from .alerting import AlertingPlan
    from .alerting.due import Due
    from .budget.cost import CostPlan
    from .budget.knowledge import KnowledgePlan
    from .budget.quota import QuotaPlan
    from .budget.trials import TrialsPlan
    from .data.cadence import CadencePlan
    from .data.drift import DriftPlan
    from .data.freshness import FreshnessPlan
    from .data.history import HistoryPlan
    from .data.labeling import LabelingPlan
    from .data.quality import QualityPlan
    from .data.samples import SamplesPlan
    from .data.store import StorePlan
    from .learning import LearningPlan
    from .measuring import MeasuringPlan

__all__ = ["Plan"]


class Plan(Scope):
    """Everything that targets need to know about one environment, beyond the spec itself."""

    @cached_property
    def online(self) -> Named[ServicePlan]:
        """The online services, by name."""
        here = self._served.items()
        return Named((name, ServicePlan(self, part)) for name, part in here if isinstance(part, OnlineService))

    @cached_property
    def batch(self) -> Named[BatchPlan]:
        """The batch inference services, by name."""
        here = self._served.items()
        return Named((name, BatchPlan(self, part)) for name, part in here if isinstance(part, BatchService))

    @property
    def _served(self) -> Named[Service]:
        return self.system.services if self.runs("serving").value else Named()

    @cached_property
    def training(self) -> TrainingPlan | None:
        """The training run, if the system has one and it runs in this environment."""
        if self.system.training is None or not self.runs("training").value:
            return None
        self._only_here()
        return TrainingPlan(self, self.system.training, lambda: self.measuring)

    @cached_property
    def champion_elsewhere(self) -> TrainingPlan | None:
        """The training of a model that another system serves; its live version can be too old wherever it is live."""
        if self.system.training is None:
            return None
        training = TrainingPlan(self, self.system.training)
        return training if training.elsewhere.value else None

    @cached_property
    def selections(self) -> Named[Selection]:
        """The comparison of candidates, for each model that has candidates, by model name."""
        models = {name: model for name, model in self.system.models.items() if model.candidates}
        serving = [service for service in self.online.values() if models]
        return Named(
            (name, Selection(self, model, tuple(s for s in serving if s.model.value == name)))
            for name, model in models.items()
        )

    @cached_property
    def cost(self) -> CostPlan:
        """The monthly cost."""
        from .budget.cost import CostPlan

        return CostPlan(self)

    @cached_property
    def knowledge(self) -> dict[str, KnowledgePlan]:
        """What answers must know, for each service that generates text with a language model."""
        writing = {name: one for name, one in self.online.items() if one.is_language_model and one.generates.value}
        if not writing:
            return {}
        from .budget.knowledge import KnowledgePlan

        return {name: KnowledgePlan(self, one) for name, one in writing.items()}

    @cached_property
    def trials(self) -> TrialsPlan | None:
        """What the trials of a hyperparameter search cost and find, if there is one in this environment."""
        if self.training is None or self.training.part.tuning is None:
            return None
        from .budget.trials import TrialsPlan

        return TrialsPlan(self, self.training, self.training.part.tuning)

    @cached_property
    def quota(self) -> QuotaPlan:
        """The peak resource usage, and the quota."""
        from .budget.quota import QuotaPlan

        return QuotaPlan(self)

    @cached_property
    def history(self) -> HistoryPlan:
        """How much of the data's history is left for training."""
        from .data.history import HistoryPlan

        return HistoryPlan(self.system)

    @cached_property
    def freshness(self) -> FreshnessPlan:
        """How old features are when the model uses them."""
        from .data.freshness import FreshnessPlan

        return FreshnessPlan(self)

    @cached_property
    def store(self) -> StorePlan | None:
        """The job that fills the feature store, if there is one in this environment."""
        features = self.system.features
        if features is None or features.materialization is None or not self.runs("serving").value:
            return None
        from .data.store import StorePlan

        return StorePlan(self, features, features.materialization)

    @cached_property
    def samples(self) -> SamplesPlan:
        """What the gates of the evaluation can show."""
        from .data.samples import SamplesPlan

        return SamplesPlan(self)

    @cached_property
    def labeling(self) -> LabelingPlan:
        """What labels cost."""
        from .data.labeling import LabelingPlan

        return LabelingPlan(self)

    @cached_property
    def cadence(self) -> CadencePlan | None:
        """How often to train, and how long a drop in quality lasts, if training runs in this environment."""
        if self.training is None:
            return None
        from .data.cadence import CadencePlan

        return CadencePlan(self, self.training)

    @cached_property
    def alerting(self) -> AlertingPlan:
        """The routing of alerts."""
        from .alerting import AlertingPlan

        if not self.runs("monitoring").value:
            return AlertingPlan(self, ())
        if self.online or self.batch:
            return AlertingPlan(self, ("page", "ticket"), self._due)
        scheduled = self.training is not None and not self.training.suspended.value
        elsewhere = self.champion_elsewhere is not None
        return AlertingPlan(self, ("ticket",) if scheduled or elsewhere else (), self._due if elsewhere else None)

    @property
    def _due(self) -> Due | None:
        """That an alert says when training is due, for a model that is served here or by another system."""
        from .alerting.due import Due, read

        triggers, run = read(self.system), self.training.deadline if self.training is not None else None
        found = self.measuring if triggers else None
        webhook = found.webhook if found is not None and found.starts.value else None
        return Due(triggers=triggers, run=run, webhook=webhook) if triggers else None

    @cached_property
    def drift(self) -> DriftPlan | None:
        """The noise level of drift, if drift is measured."""
        drift = self.system.monitoring.drift
        if drift is None or not self.runs("monitoring").value:
            return None
        from .data.drift import DriftPlan

        return DriftPlan(self, drift)

    @cached_property
    def measuring(self) -> MeasuringPlan | None:
        """The process that measures captured predictions, if something is asked of them here."""
        capture = self.system.monitoring.capture
        elsewhere = self.system.monitoring.measured.value == "elsewhere"
        if capture is None or elsewhere or not self.runs("monitoring").value:
            return None
        from .measuring import MeasuringPlan, measured

        asked = measured(self)
        return MeasuringPlan(self, capture, asked) if asked else None

    @property
    def live(self) -> Release | None:
        """The live version whose predictions are measured; that of the only model if nothing names another."""
        releases = [*self.system.releases.values()]
        if len(releases) > 1:
            return self.measuring.live if self.measuring is not None else None
        return releases[0] if releases else None

    @cached_property
    def learning(self) -> LearningPlan | None:
        """The process that learns online. It needs training, a diagnosis, and labels here, for which MLS717 asks."""
        retraining, training, measuring = self.system.retraining, self.training, self.measuring
        if retraining is None or retraining.online is None or training is None or measuring is None:
            return None
        live = measuring.live
        if measuring.labels is None or live is None or live.artifact is None:
            return None
        from .learning import LearningPlan

        return LearningPlan(self, retraining.online, training, measuring, live)

    @cached_property
    def dashboards(self) -> DashboardsPlan:
        """The dashboards of this environment."""
        return DashboardsPlan(self)

    @cached_property
    def quality(self) -> QualityPlan | None:
        """The bar for the quality in production, if it is watched."""
        asked = self.system.monitoring.quality
        if asked is None or not self.runs("monitoring").value:
            return None
        from .data.quality import QualityPlan

        return QualityPlan(self, asked)

    def _only_here(self) -> None:
        """Refuse training in several environments, because each would register its own model under the same name."""
        places = [place for place in self.system.environments.values() if self.runs("training", place).value]
        if len(places) > 1:
            raise refusal(
                "MLS017",
                f"training would run in both `{places[0].own_name.value}` and `{places[1].own_name.value}`",
                places[1].own_name,
                label="training would run here",
                others=((places[0].own_name, "and here"),),
                note="each environment would register its own models, and no record would show which one was evaluated",
                help="write `runs: [serving, monitoring]` in all environments but one",
            )
