"""Facts about one environment: its namespace, what runs in it, and which model each service serves."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property

from ..because import Because, because, first, fixed
from ..finding import Refusal, refusal
from ..layer import DEFAULT_ENVIRONMENT
from ..layer.usual import served
from ..provider import Providers
from ..system import (
    AcceleratorRequest,
    BatchService,
    Cause,
    Cloud,
    Environment,
    MLSystem,
    OnlineService,
    Platform,
    Release,
    Scheduling,
)

__all__ = ["Scope"]


class Scope:
    """One environment of one system."""

    def __init__(self, system: MLSystem, environment: str, providers: Providers | None = None) -> None:
        self.system = system
        self.name = environment
        self.providers = providers if providers is not None else Providers()
        """The implementations of the providers that the platform selects."""

    @property
    def platform(self) -> Platform:
        """The platform file for this environment's cluster."""
        return self.system.platform

    @property
    def cloud(self) -> Cloud:
        """What is known about the cloud that the cluster runs on."""
        return self.platform.clouds[self.platform.cloud.value]

    def spot(self, own: Scheduling) -> Because[bool] | None:
        """Whether pods run on spot nodes, as they or else the platform say; None if neither does."""
        return first(own.spot, self.platform.scheduling.spot)

    @cached_property
    def causes(self) -> dict[str, tuple[Cause, ...]]:
        """The possible causes of each signal, in the order to rule them out: many alerts are on the same signals."""
        found: dict[str, list[Cause]] = defaultdict(list)
        for cause in self.platform.diagnoses.values():
            for signal in {each.value for each in cause.signals}:
                found[signal].append(cause)
        return {signal: tuple(causes) for signal, causes in found.items()}

    @cached_property
    def users(self) -> Because[str]:
        """Who chooses the user IDs of pods: the images that they run, or the cluster."""
        given = self.platform.security.users.given
        if given is not None:
            return given
        return because(
            self.cloud.users.value, "who chooses user IDs on this cloud", self.cloud.users, self.platform.cloud
        )

    @cached_property
    def _declared(self) -> Environment | None:
        return self.system.environments[self.name] if self.system.environments else None

    @cached_property
    def environment(self) -> Because[str]:
        """The environment's name."""
        if self._declared is not None:
            return self._declared.own_name
        return fixed(DEFAULT_ENVIRONMENT, "the spec declares no environment")

    @cached_property
    def namespace(self) -> Because[str]:
        """The namespace of every object."""
        given = self._declared.namespace.given if self._declared is not None else None
        if given is not None:
            return given
        return because(self.environment.value, "the environment's name", self.environment)

    @cached_property
    def cluster(self) -> Because[str] | None:
        """The cluster, if the environment names one. Environments that name none are taken to share one."""
        return self._declared.cluster if self._declared is not None else None

    def runs(self, what: str, where: Environment | None = None) -> Because[bool]:
        """Whether serving, monitoring or training runs here, or in another environment."""
        place = where if where is not None else self._declared
        said = place.runs if place is not None else ()
        if not said:
            return because(True, "an environment without `runs` runs everything")
        here = [name for name in said if name.value == what]
        return because(bool(here), "the environment lists what it runs", here or said)

    def resource_of(self, asked: AcceleratorRequest) -> Because[str]:
        """The extended resource of an accelerator. Slices have different resource names on some clouds."""
        entry, cloud = self.platform.accelerators[asked.type.value], self.platform.cloud
        if not entry.resources:
            return entry.resource
        named = entry.resources.get(cloud.value, entry.resource)
        return because(named.value, "its resource name on this cloud", named, cloud)

    def release_of(self, model: Because[str]) -> Release:
        """The live release of a model."""
        if model.value not in self.system.releases:
            raise _unreleased(self.system, self.name, model)
        return self.system.releases[model.value]

    def model_of(self, part: OnlineService | BatchService) -> Because[str]:
        """The model that a service serves. Its default runtime is chosen by the same rule."""
        given, service, models = part.model.given, part.own_name.value, self.system.models
        if given is not None:
            return given
        model = served(service, None, models)
        if model is None:
            raise _which_model(part, list(models))
        why = "the model with the same name as the service" if model == service else "the system's only model"
        return because(model, why, models[model].own_name)


def _unreleased(system: MLSystem, environment: str, model: Because[str]) -> Refusal:
    entry, alone = system.models.get(model.value), len(system.models) == 1
    members = entry.ensemble.members if entry is not None and entry.ensemble is not None else ()
    command = f"mlspec promote SPEC --to {environment}{'' if alone else f' --model {model.value}'} --release FILE"
    inline = "release: {version: ..., artifact: {...}}" if alone else f"releases: {{{model.value}: {{...}}}}"
    help_ = f"run `{command}`, which writes a release file, or add `{inline}` to the spec"
    note = (
        "an ensemble is served as one artifact that contains its members: mlspec does not combine the answers of "
        "several services"
    )
    return refusal(
        "MLS009",
        f"no release of `{model.value}` is declared for `{environment}`",
        model,
        others=tuple((one, "a member of the ensemble") for one in members),
        note=note if members else "",
        help=f"export one artifact that contains the members, and {help_}" if members else help_,
    )


def _which_model(part: OnlineService | BatchService, names: list[str]) -> Refusal:
    unsaid = f"`{part.own_name.value}` does not say which model it serves"
    message = unsaid if names else "there is no model to serve"
    help_ = (
        f"add `model: {names[0]}` or another model"
        if names
        else "add `model: {signature: {inputs: [...], outputs: [...]}}`, as in the model file"
    )
    return refusal("MLS009", message, part.mode, help=help_)
