"""The dashboards of one environment: how Grafana gets them, their folder, and their UIDs.

A UID is the same whatever else changes in a spec, because links and bookmarks contain it. Grafana refuses a second
dashboard with the same UID, so it contains the environment, and, if a system has several dashboards, the service.
"""

from __future__ import annotations

from functools import cached_property

from ..because import Because, because, decision
from ..system import DashboardsCapability
from .scope import Scope

__all__ = ["TOGETHER", "DashboardsPlan"]

TOGETHER = 3
"""The most services and training runs that share one dashboard. With more, `kubectl apply` could refuse the object."""

LONGEST_UID = 40
"""The longest UID (grafana/grafana-operator, api/v1beta1/content.go)."""


class DashboardsPlan:
    """The dashboards of one environment."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    @property
    def _entry(self) -> DashboardsCapability:
        platform = self._scope.platform
        return platform.providers.dashboards[platform.dashboards.provider.value]

    @cached_property
    def form(self) -> Because[str]:
        """What to write: `config-map`, `grafana-dashboard`, `file`, or `none`."""
        form = self._entry.form
        return because(form.value, "how Grafana gets its dashboards", form, self._scope.platform.dashboards.provider)

    @cached_property
    def labels(self) -> dict[str, Because[str]]:
        """The labels that the ConfigMap needs for a sidecar to load it."""
        provider = self._scope.platform.dashboards.provider
        return {
            key: because(value.value, "the sidecar loads ConfigMaps with this label", value, provider)
            for key, value in self._entry.labels.items()
        }

    @cached_property
    def instances(self) -> dict[str, Because[str]]:
        """The labels of the Grafana objects that the operator adds the dashboard to."""
        provider = self._scope.platform.dashboards.provider
        return {
            key: because(value.value, "the operator adds it to each Grafana with this label", value, provider)
            for key, value in self._entry.instances.items()
        }

    @cached_property
    def folder(self) -> Because[str] | None:
        """The folder in Grafana, if the spec names one."""
        asked = self._scope.system.monitoring.dashboard
        return asked.folder if asked is not None else None

    @cached_property
    def folder_annotation(self) -> Because[str] | None:
        """The annotation of the ConfigMap that names its folder."""
        return self._entry.folder_annotation

    def uid(self, service: Because[str] | None = None) -> Because[str]:
        """The UID of the environment's dashboard, or of the dashboard of one service."""
        asked, system = self._scope.system.monitoring.dashboard, self._scope.system.metadata.name
        given = asked.uid if asked is not None and asked.uid is not None else system
        return _uid(given, self._scope.environment, service)


@decision
def _uid(given: Because[str], environment: Because[str], service: Because[str] | None) -> tuple[str, str]:
    parts = [given.value, environment.value, *([service.value] if service is not None else [])]
    whole = "-".join(parts)
    if len(whole) <= LONGEST_UID:
        return whole, "the same as long as these names are, so that links to it keep working"
    from hashlib import sha256  # rarely needed, so imported late

    code = sha256("\n".join(parts).encode()).hexdigest()[:8]
    short = f"{whole[: LONGEST_UID - len(code) - 1].rstrip('-')}-{code}"
    return short, f"`{whole}`, shortened to the {LONGEST_UID} characters that Grafana allows"
