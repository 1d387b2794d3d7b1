"""The new versions that the proving ground rolls out: how they behave, and who applies their files."""

from __future__ import annotations

from .behavior import Behavior
from .canaries import Scenario
from .tools import ARGO_CD, FLUX, argo_cd, flux, kubectl

__all__ = ["LONGEST", "SCENARIOS"]

AT_ONCE = {
    "patches": [
        {
            "target": {"kind": "Rollout", "name": "digits"},
            "patch": {"spec": {"minReadySeconds": 0}},
            "reason": "Servers that die here live for three seconds, and would never count as available.",
        }
    ]
}
"""Gives a version its traffic before it has settled, so that the analysis has to notice that it dies."""

LOOSE = {
    "rollout__stages": [{"canary": {"steps": ["20%", "50%"], "detect": [{"metric": "error-rate", "to": "7.2%"}]}}],
}
"""Leaves a version that is worse than the live one within its limit: the traffic would show less than that."""

SCENARIOS = {
    "good": Scenario(),
    "bad": Scenario(Behavior(errors=0.1)),
    "worse": Scenario(Behavior(errors=0.015), changes=LOOSE),
    "failing": Scenario(Behavior(errors=1.0)),
    "slow": Scenario(Behavior(milliseconds=400)),
    "blind": Scenario(Behavior(blind=True)),
    "dying": Scenario(Behavior(dies=True), changes=AT_ONCE),
    "hanging": Scenario(Behavior(hangs=True)),
    "unready": Scenario(
        Behavior(starts=False),
        changes={
            "rollout__progressDeadline": "1m",  # an image that takes a minute or more would be refused
            "platform__planning": {"download": "10 GB/s", "nodeWait": "0s"},
        },
    ),
    "night": Scenario(rate=lambda age: 200.0 if age < 60 else 0.5),
    "by-kubectl": Scenario(tool=kubectl, again=True),
    "by-flux": Scenario(tool=flux, again=True, changes=FLUX),
    "by-argo-cd": Scenario(tool=argo_cd, again=True, changes=ARGO_CD),
    "by-force": Scenario(again=True),
}

LONGEST = 900.0
"""Seconds after which a scenario that has not ended is left as it is."""
