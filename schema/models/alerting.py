"""Who gets the alerts, and how: the receivers of Alertmanager, and when it notifies them."""

from __future__ import annotations

from typing import ClassVar, Literal

from .base import (
    Address,
    Identifier,
    Interval,
    LabelKey,
    LabelName,
    LabelValue,
    Name,
    ObjectName,
    Path,
    Section,
    Text,
    Url,
    Wait,
    default,
    derived,
    group,
    mapped,
    optional,
    required,
)


class AlertSecret(Section):
    """A key of a Secret that a receiver needs.

    For the Prometheus operator, the Secret must exist in the namespace of each system. A configuration file names the
    file of the key, below `platform.alerting.secrets`.
    """

    secret: ObjectName = required("The Secret.")
    key: Identifier = required("The key.")


class SlackReceiver(Section):
    """A Slack channel."""

    api_url: AlertSecret = required("The URL of the incoming webhook.")
    channel: Text | None = optional("The channel. If omitted, the one that the webhook is for.")


class PagerdutyReceiver(Section):
    """A PagerDuty service, by an integration of the type Events API v2."""

    routing_key: AlertSecret = required("The integration key.")


class OpsgenieReceiver(Section):
    """Opsgenie."""

    api_key: AlertSecret = required("The API key.")
    api_url: Url | None = optional(
        "The URL of the API, such as `https://api.eu.opsgenie.com`. If omitted, `https://api.opsgenie.com`."
    )


class TeamsReceiver(Section):
    """A Microsoft Teams channel, by the webhook of a workflow. It needs Alertmanager 0.28 or later."""

    webhook_url: AlertSecret = required("The URL of the workflow's webhook.")


class WebhookReceiver(Section):
    """An HTTP endpoint that gets the alerts as JSON, such as a ticket system."""

    exactly_one: ClassVar[tuple[str, ...]] = ("url", "urlFrom")

    url: Url | None = optional("The URL, if it is no secret.")
    url_from: AlertSecret | None = optional("The URL, if it contains a token. A file needs Alertmanager 0.26 or later.")


class EmailReceiver(Section):
    """An email address."""

    to: Text = required("The address.")
    from_: Text = required("The sender.")
    smarthost: Address = required("The SMTP server and its port, such as `smtp.example.com:587`.")
    username: Text | None = optional("The user name at the SMTP server.")
    password: AlertSecret | None = optional("The password at the SMTP server.")


class Receiver(Section):
    """One receiver: everything that it lists gets each notification."""

    slack: SlackReceiver | None = optional("A Slack channel.")
    pagerduty: PagerdutyReceiver | None = optional("A PagerDuty service.")
    opsgenie: OpsgenieReceiver | None = optional("Opsgenie.")
    teams: TeamsReceiver | None = optional("A Microsoft Teams channel.")
    webhook: WebhookReceiver | None = optional("An HTTP endpoint.")
    email: EmailReceiver | None = optional("An email address.")
    send_resolved: bool = default(
        True, "Whether it also learns that an alert is over.", "an incident without an end looks like one that goes on"
    )


class PageTimes(Section):
    """When pages are sent. All pages of one service are one notification, because one outage raises several alerts."""

    wait: Wait = default(
        "30s", "How long the first page of a service waits for others.", "an on-call engineer cannot wait longer"
    )
    interval: Interval = default(
        "5m", "How long changes of an open page wait.", "the default of Alertmanager; the engineer already knows"
    )
    repeat: Interval = default(
        "4h", "When an open page is sent again.", "the default of Alertmanager; at least once in each shift"
    )


class TicketTimes(Section):
    """When tickets are sent. Each alert of a service has its own, because each has its own fix."""

    wait: Wait = default(
        "5m",
        "How long a ticket waits.",
        "as long as the alert on an outage, which explains many tickets, needs to fire",
    )
    interval: Interval = default("30m", "How long changes of an open ticket wait.", "no one fixes it faster")
    repeat: Interval = default("1d", "When an open ticket is sent again.", "once on each working day")


class Alerting(Section):
    """Where alerts go: the configuration of Alertmanager for each system. Alerts name their receivers in their labels.

    If omitted, mlspec routes no alert. Your own configuration does, by the labels `receiver`, `owner`, and `severity`.
    """

    provider: Literal["alertmanager-config", "alertmanager", "none"] | None = derived(
        "What routes the alerts: `alertmanager-config` writes an object for the Prometheus operator, `alertmanager` a "
        "file for Alertmanager, and `none` nothing.",
        "as `alertmanager-config` if receivers are declared, else `none`",
    )
    receivers: dict[Text, Receiver] = mapped(
        "The receivers, by the names that `monitoring.alerts` and `metadata.owner` use."
    )
    retraining: Text | None = optional(
        "The receiver of requests to train, which must have a `webhook`: an event source, a CI system, or a job runner "
        "that starts a run. It gets `ModelRetrainingDue` and nothing else, once for each retraining that is due, and "
        "no notification when the alert is over. If omitted, the process that measures the model starts the run, if "
        "there is one next to the training; otherwise, the alert only opens a ticket."
    )
    namespace: Name | None = derived(
        "The namespace of Alertmanager, whose pods may ask for a training run.", "as the namespace of Prometheus"
    )
    labels: dict[LabelKey, LabelValue] = mapped(
        "The labels that the operator selects AlertmanagerConfigs by (`alertmanagerConfigSelector`). It ignores an "
        "object without them."
    )
    cluster_label: LabelName = default(
        "cluster",
        "The label that tells clusters apart if they share an Alertmanager.",
        "the common external label; alerts without it are all of one cluster",
    )
    secrets: Path = default(
        "/etc/alertmanager/secrets",
        "The folder in which Alertmanager finds Secrets, each as a folder of its keys, for the configuration file.",
        "where the Prometheus operator mounts them",
    )
    pages: PageTimes = group(PageTimes, "When pages are sent.")
    tickets: TicketTimes = group(TicketTimes, "When tickets are sent.")
