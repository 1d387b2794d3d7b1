"""Rules on the routing of alerts: every alert must reach an engineer in time, and a request to train what starts it."""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.units import Duration
from ...because import Because
from ...diagnostics import Diagnostic
from ...finding import finding, guess
from ...plan import Plan
from ...plan.alerting import AlertingPlan, Destination, Purpose
from ...plan.choose import readable
from ...system import MLSystem, Receiver
from ...words import closest, listing
from ..lint import rule

__all__ = ["pages_by_mail", "receiver_of_nothing", "repeated_too_late", "starts_nothing", "undeclared_receiver"]

RETENTION = Duration.parse("5d")
"""How long Alertmanager remembers what it sent, by default (`--data.retention`, docs/configuration.md, 0.34)."""


@rule(
    "MLS720",
    "error",
    "platform.alerting.receivers",
    "platform.alerting.provider",
    "platform.alerting.retraining",
    "monitoring.alerts.page",
    "monitoring.alerts.ticket",
    "metadata.owner",
)
def undeclared_receiver(system: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Receiver that the platform does not declare.

    Why: the alerts name a receiver that Alertmanager does not have. Alertmanager rejects a configuration that routes to
    it, and without a route, the alerts would reach no one.

    Bad:
        platform:
          alerting: {receivers: {payments-ml: {slack: {apiUrl: {secret: slack, key: url}}}}}
        monitoring:
          alerts: {ticket: payments}
    Good:
        platform:
          alerting: {receivers: {payments-ml: {slack: {apiUrl: {secret: slack, key: url}}}}}
        monitoring:
          alerts: {ticket: payments-ml}
    """
    receivers = system.platform.alerting.receivers
    for name, purposes in _by_name(plan.alerting).items():
        if name not in receivers:
            yield _undeclared(system, plan.alerting, purposes)


GETS: dict[Purpose, str] = {"page": "the pages", "ticket": "the tickets", "retraining": "the requests to train"}


def _by_name(alerting: AlertingPlan) -> dict[str, list[Purpose]]:
    """What goes to each receiver."""
    found: dict[str, list[Purpose]] = {}
    for purpose, name in alerting.wanted.items():
        found.setdefault(name.value, []).append(purpose)
    return found


def _undeclared(system: MLSystem, alerting: AlertingPlan, purposes: list[Purpose]) -> Diagnostic:
    name, declared = alerting.wanted[purposes[0]], system.platform.alerting.receivers
    meant = closest(name.value, declared)
    names = [one.own_name for one in declared.values()]
    alerts = system.monitoring.alerts
    chosen = name is alerts.page or name is alerts.ticket or purposes[0] == "retraining"
    choice = "`retraining`" if purposes[0] == "retraining" else "`page` and `ticket` under `monitoring.alerts`"
    return finding(
        "MLS720",
        f"the receiver `{name.value}` is not declared",
        name,
        label=f"gets {' and '.join(GETS[purpose] for purpose in purposes)}",
        others=((names or alerting.provider, "the platform's receivers" if names else "routes the alerts"),),
        note="with a route to it, Alertmanager would reject its configuration; without one, the alerts reach no one",
        help=f"write `{meant}`" if chosen and meant is not None else _declare(name.value, declared, choice),
        fix=guess((name, meant)) if chosen and meant is not None else None,
    )


def _declare(name: str, declared: dict[str, Receiver], choice: str) -> str:
    other = f", or set {choice} to {listing(declared)}" if declared else ""
    return f"declare `{name}` under `platform.alerting.receivers`{other}"


@rule("MLS721", "error", "platform.alerting.receivers.*", "platform.alerting.retraining")
def receiver_of_nothing(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Receiver that notifies no one.

    Why: Alertmanager accepts a receiver without any integration, and drops its alerts silently.

    Bad:
        platform:
          alerting: {receivers: {payments-ml: {sendResolved: true}}}
    Good:
        platform:
          alerting: {receivers: {payments-ml: {slack: {apiUrl: {secret: slack, key: url}}, sendResolved: true}}}
    """
    for to in _each(plan.alerting):
        if not _ways(to.receiver):
            yield finding(
                "MLS721",
                f"the receiver `{to.name.value}` notifies no one",
                to.receiver.own_name,
                others=((to.name, "gets alerts"),),
                note="without an integration, Alertmanager drops its alerts silently",
                help=f"add {listing(WAYS)}",
            )


WAYS = ("slack", "pagerduty", "opsgenie", "teams", "webhook", "email")
"""The fields of a receiver that notify."""


def _ways(receiver: Receiver) -> list[str]:
    return [name for name in WAYS if getattr(receiver, name) is not None]


def _each(alerting: AlertingPlan) -> list[Destination]:
    """Where alerts go, each receiver once."""
    return list({to.name.value: to for to in alerting.destinations.values()}.values())


@rule(
    "MLS722",
    "warning",
    "platform.alerting.pages",
    "platform.alerting.tickets",
    "platform.alerting.retraining",
    "monitoring.measured",
    "retraining.cooldown",
    "monitoring.interval",
)
def repeated_too_late(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Repeat interval that Alertmanager does not keep.

    Why: Alertmanager looks at the repeat interval once in each group interval, so it does not repeat faster. It forgets
    after five days what it has sent, so it repeats then at the latest.

    Bad:
        platform:
          alerting:
            receivers: {payments-ml: {slack: {apiUrl: {secret: slack, key: url}}}}
            tickets: {repeat: 30d}
    Good:
        platform:
          alerting:
            receivers: {payments-ml: {slack: {apiUrl: {secret: slack, key: url}}}}
            tickets: {repeat: 5d}
    """
    for to in plan.alerting.destinations.values():
        repeat, interval = to.times.repeat, to.times.interval
        if to.purpose == "retraining":
            if repeat.value.amount > RETENTION.amount:
                yield _requested_again(repeat, to.name)
        elif repeat.value.amount > RETENTION.amount:
            note = f"it forgets what it sent after {RETENTION}, unless its flag `--data.retention` says otherwise"
            yield _repeated(repeat, repeat.value, RETENTION, note)
        elif repeat.value.amount < interval.value.amount:
            note = "it looks at the time since the last notification once in each `interval`"
            yield _repeated(repeat, repeat.value, interval.value, note, others=((interval, "the interval"),))


def _repeated(
    at: Because[Duration],
    asked: Duration,
    real: Duration,
    note: str,
    others: tuple[tuple[object, str], ...] = (),
) -> Diagnostic:
    return finding(
        "MLS722",
        f"notifications are not repeated after {readable(asked)}",
        at,
        label=f"they would be repeated after {readable(real)}",
        others=others,
        note=note,
        help=f"write `repeat: {real}`",
    )


def _requested_again(repeat: Because[Duration], name: Because[str]) -> Diagnostic:
    """The time is the longest of several, and the place is that of the longest."""
    longest = next(one for one in repeat.sources if isinstance(one, Because) and one.value == repeat.value)
    return finding(
        "MLS722",
        f"a retraining that stays due is requested again after {readable(RETENTION)}",
        longest,
        label=f"asks for {readable(repeat.value)} between two requests",
        others=((name, "gets the requests"),),
        note=f"Alertmanager forgets what it sent after {RETENTION}, unless its flag `--data.retention` says otherwise",
        help=f"write `{RETENTION}`, or start Alertmanager with a longer `--data.retention` than {repeat.value}, and "
        "write `# mlspec: ignore[MLS722] ...` with that",
    )


@rule(
    "MLS723",
    "warning",
    "platform.alerting.receivers.*",
    "platform.alerting.retraining",
    "monitoring.alerts.page",
)
def pages_by_mail(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Pages that only arrive by email.

    Why: a page is for what cannot wait until morning. No one reads email at night.

    Bad:
        platform:
          alerting:
            receivers:
              payments-ml: {email: {to: ml@example.com, from: alerts@example.com, smarthost: "smtp.example.com:587"}}
    Good:
        platform:
          alerting:
            receivers:
              payments-ml: {pagerduty: {routingKey: {secret: pagerduty, key: payments}}}
    """
    page = plan.alerting.destinations.get("page")
    if page is not None and _ways(page.receiver) == ["email"]:
        yield finding(
            "MLS723",
            f"pages for `{page.name.value}` only arrive by email",
            page.receiver.email,
            page.receiver.own_name,
            others=((page.name, "gets the pages"),),
            note="a page is for what cannot wait until morning, and no one reads email at night",
            help="add `pagerduty`, `opsgenie`, or a `webhook` of your on-call tool, or name another receiver in "
            "`monitoring.alerts.page`",
        )


@rule("MLS724", "error", "platform.alerting.retraining", "platform.alerting.receivers.*", "monitoring.measured")
def starts_nothing(_: MLSystem, plan: Plan) -> Iterator[Diagnostic]:
    """Receiver of requests to train without a webhook.

    Why: a run is started by a program that gets an HTTP request. An engineer already gets the ticket, and a second
    message starts nothing.

    Bad:
        data:
          labels: {column: is_fraud, delay: 2d}
        evaluation:
          primary: recall
          gates: [{metric: recall, versus: champion, margin: 0.05, minSamples: 1000}]
        monitoring:
          quality: {metric: recall, min: 0.6}
        retraining: {triggers: [quality-drop]}
        platform:
          alerting:
            receivers: {payments-ml: {slack: {apiUrl: {secret: slack, key: url}}}}
            retraining: payments-ml
    Good:
        data:
          labels: {column: is_fraud, delay: 2d}
        evaluation:
          primary: recall
          gates: [{metric: recall, versus: champion, margin: 0.05, minSamples: 1000}]
        monitoring:
          quality: {metric: recall, min: 0.6}
        retraining: {triggers: [quality-drop]}
        platform:
          alerting:
            receivers:
              payments-ml: {slack: {apiUrl: {secret: slack, key: url}}}
              training: {webhook: {url: "http://events.argo-events.svc:12000/train"}}
            retraining: training
    """
    to = plan.alerting.destinations.get("retraining")
    if to is not None and to.receiver.webhook is None:
        yield finding(
            "MLS724",
            f"the receiver `{to.name.value}` cannot start a training run",
            to.name,
            label="gets the requests to train",
            others=((to.receiver.own_name, "has no webhook"),),
            note="only an HTTP request starts a run; the alert already opens a ticket for an engineer",
            help="declare a receiver with the `webhook` of what starts your runs, such as an event source or a CI "
            "system, and name it here",
        )
