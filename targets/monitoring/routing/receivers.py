"""What each receiver is, as fields of Alertmanager's configuration file.

Alertmanager's default messages list labels, and a Slack message has no text at all (template/default.tmpl). These say
what happens, what it means for users, and what to do. For fields and defaults, see docs/configuration.md of
prometheus/alertmanager 0.34.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ....compiler.because import Because, fixed
from ....compiler.record import Record
from ....compiler.system import AlertSecret, EmailReceiver, Receiver, WebhookReceiver

__all__ = ["Integration", "address", "integrations", "requests"]

ALERTS = "or .Alerts.Firing .Alerts.Resolved"
"""The alerts that fire, or, if all are over, those that did."""

SUMMARY = (
    f"{{{{ with {ALERTS} }}}}{{{{ (index . 0).Annotations.summary }}}}"
    "{{ if gt (len .) 1 }} ({{ len . }} alerts){{ end }}{{ end }}"
)

TITLE = f"[{{{{ .Status | toUpper }}}}] {SUMMARY}"

MOST = 20
"""The most alerts that a message lists. One cause can raise an alert for each value of a column, and services refuse
long messages: Microsoft Teams those of more than 28 KB. Alertmanager drops what is refused.
"""


def _unless_repeated(annotation: str, words: str) -> str:
    """An annotation, unless the alert before has the same one. Alertmanager sorts alerts by their labels."""
    said = f"$said_{annotation}"
    return (
        f"{{{{ if ne .Annotations.{annotation} {said} }}}}{{{{ {said} = .Annotations.{annotation} }}}}"
        f"{{{{ with {said} }}}}{words}{{{{ . }}}}\n{{{{ end }}}}{{{{ end }}}}"
    )


SAID = {"action": "", "impact": "Impact: ", "runbook_url": "Runbook: ", "dashboard_url": "Dashboard: "}
"""The annotations below each summary, and the words before them."""

TEXT = (
    "".join(f'{{{{ $said_{annotation} := "" }}}}' for annotation in SAID)
    + f"{{{{ with {ALERTS} }}}}{{{{ range $index, $alert := . }}}}{{{{ if lt $index {MOST} }}}}"
    "*{{ .Labels.alertname }}*: {{ .Annotations.summary }}\n"
    + "".join(_unless_repeated(annotation, words) for annotation, words in SAID.items())
    + f"{{{{ end }}}}{{{{ end }}}}{{{{ if gt (len .) {MOST} }}}}"
    f"These are {MOST} of {{{{ len . }}}} alerts.\n{{{{ end }}}}{{{{ end }}}}"
)

URGENCY = '{{{{ if eq .CommonLabels.severity "page" }}}}{page}{{{{ else }}}}{ticket}{{{{ end }}}}'


class Integration(Record):
    """One way to notify."""

    kind: str
    """The name of its list: `slack_configs`."""
    fields: dict[str, Because[Any] | AlertSecret | None]
    """Its fields. A Secret is a file for Alertmanager, and a reference for the operator."""


def integrations(receiver: Receiver) -> Iterator[Integration]:
    """Everything that a receiver lists."""
    for kind, fields in _listed(receiver):
        yield Integration(kind=kind, fields={"send_resolved": receiver.send_resolved, **fields})


def requests(url: Because[str] | AlertSecret | None) -> Integration:
    """The webhook that starts training runs. It would take the end of an alert for another request."""
    silent = fixed(False, "the end of the alert must not start a run")
    return Integration(kind="webhook_configs", fields={"send_resolved": silent, "url": url})


_Fields = dict[str, Because[Any] | AlertSecret | None]


def _listed(receiver: Receiver) -> Iterator[tuple[str, _Fields]]:
    title, text = fixed(TITLE, "the status, and what happens"), fixed(TEXT, "what happens, its impact, and what to do")
    summary = fixed(SUMMARY, "what happens")
    slack, pagerduty, opsgenie = receiver.slack, receiver.pagerduty, receiver.opsgenie
    if pagerduty is not None:
        severity = fixed(URGENCY.format(page="critical", ticket="warning"), "PagerDuty's severities")
        fields: _Fields = {"routing_key": pagerduty.routing_key, "description": summary, "severity": severity}
        yield "pagerduty_configs", fields
    if opsgenie is not None:
        priority = fixed(URGENCY.format(page="P1", ticket="P3"), "Opsgenie's priorities")
        said: _Fields = {"message": summary, "description": text, "priority": priority}
        yield "opsgenie_configs", {"api_key": opsgenie.api_key, "api_url": opsgenie.api_url, **said}
    if slack is not None:
        yield "slack_configs", {"api_url": slack.api_url, "channel": slack.channel, "title": title, "text": text}
    if receiver.teams is not None:
        yield "msteamsv2_configs", {"webhook_url": receiver.teams.webhook_url, "title": title, "text": text}
    if receiver.webhook is not None:
        yield "webhook_configs", {"url": address(receiver.webhook)}
    if receiver.email is not None:
        yield "email_configs", _email(receiver.email)


def address(webhook: WebhookReceiver) -> Because[str] | AlertSecret | None:
    """The URL of a webhook, or the Secret that holds it."""
    return webhook.url if webhook.url is not None else webhook.url_from


def _email(email: EmailReceiver) -> _Fields:
    return {
        "to": email.to,
        "from": email.from_,
        "smarthost": email.smarthost,
        "auth_username": email.username,
        "auth_password": email.password,
    }
