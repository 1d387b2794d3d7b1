"""What tests of routing share: a system with receivers, both forms of its configuration, and amtool.

`merged` follows the Prometheus operator (pkg/alertmanager/amcfg.go, 0.93) with its default strategy, `OnNamespace`: the
route and both sides of an inhibition get a matcher of the namespace, receivers get the prefix `namespace/name/`, and
alerts continue after the object's route.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import mlspec
from mlspec.api import Result

from .support import compile_text, dumped, files, minimal, objects, tool
from .validation import load

__all__ = ["NEWER", "amtool", "compiled", "config_of", "merged", "plain_of", "routed", "written"]

Config = dict[str, Any]


def compiled(spec: Path, provider: str, *settings: str) -> Result:
    """A system whose alerts are routed by a provider."""
    result = mlspec.compile(spec, settings=[f"platform.alerting.provider={provider}", *settings])
    assert not [found.message for found in result.diagnostics if found.severity == "error"]
    return result


def plain_of(result: Result) -> dict[str, Config]:
    """The configuration files, by environment."""
    texts = files(result)
    return {path.split("/")[0]: load(text) for path, text in texts.items() if path.endswith("/alertmanager.yaml")}


def config_of(result: Result) -> dict[str, Config]:
    """The AlertmanagerConfigs, by namespace."""
    found: list[Any] = objects(result, "AlertmanagerConfig")
    return {body["metadata"]["namespace"]: body for body in found}


# Receivers

NEWER = {
    "teams": {"webhookUrl": {"secret": "teams", "key": "url"}},
    "webhook": {"urlFrom": {"secret": "hook", "key": "url"}},
}
"""What needs a newer Alertmanager than Debian's, 0.25."""


def routed(tmp_path: Path, receiver: dict[str, Any], **alerting: Any) -> Result:
    spec = minimal(platform__alerting={"receivers": {"vision": receiver}, **alerting})
    return compile_text(tmp_path, spec, platform="apiVersion: mlspec/v1\nkind: Platform\n")


# The operator


def merged(body: Config, secrets: dict[tuple[str, str], str]) -> Config:
    """The configuration that the operator makes of one object, with the Secrets' contents in it."""
    metadata, spec = body["metadata"], body["spec"]
    prefix = f"{metadata['namespace']}/{metadata['name']}/"
    own = f'namespace="{metadata["namespace"]}"'
    route = _route(spec["route"], prefix)
    route["matchers"].append(own)
    route["continue"] = True
    return {
        "route": {"receiver": "null", "routes": [route]},
        "receivers": [{"name": "null"}, *(_receiver(one, prefix, secrets) for one in spec["receivers"])],
        "inhibit_rules": [
            {
                "source_matchers": [*map(_matcher, one["sourceMatch"]), own],
                "target_matchers": [*map(_matcher, one["targetMatch"]), own],
                "equal": one["equal"],
            }
            for one in spec["inhibitRules"]
        ],
    }


def _route(route: Config, prefix: str) -> Config:
    made = {
        "matchers": [_matcher(one) for one in route["matchers"]],
        "receiver": prefix + route["receiver"],
        "group_by": route["groupBy"],
        "group_wait": route["groupWait"],
        "group_interval": route["groupInterval"],
        "repeat_interval": route["repeatInterval"],
    }
    if "continue" in route:
        made["continue"] = route["continue"]
    below = [_route(one, prefix) for one in route.get("routes", [])]
    return {**made, "routes": below} if below else made


def _matcher(one: Config) -> str:
    value = one["value"].replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return f'{one["name"]}{one["matchType"]}"{value}"'


NAMES = {
    "slackConfigs": "slack_configs",
    "pagerdutyConfigs": "pagerduty_configs",
    "opsgenieConfigs": "opsgenie_configs",
    "webhookConfigs": "webhook_configs",
    "emailConfigs": "email_configs",
    "msteamsv2Configs": "msteamsv2_configs",
    "sendResolved": "send_resolved",
    "apiURL": "api_url",
    "apiKey": "api_key",
    "routingKey": "routing_key",
    "urlSecret": "url",
    "webhookURL": "webhook_url",
    "authUsername": "auth_username",
    "authPassword": "auth_password",
}
"""The names in the file, where they differ from those in the object (`mapstructure` of the types in amcfg.go)."""


def _receiver(one: Config, prefix: str, secrets: dict[tuple[str, str], str]) -> Config:
    def field(value: Any) -> Any:
        return secrets[value["name"], value["key"]] if isinstance(value, dict) else value

    lists = {
        NAMES[kind]: [{NAMES.get(name, name): field(value) for name, value in each.items()} for each in made]
        for kind, made in one.items()
        if kind != "name"
    }
    return {"name": prefix + one["name"], **lists}


# amtool


def amtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run amtool."""
    return subprocess.run([tool("amtool"), *arguments], capture_output=True, text=True, check=False)


def written(folder: Path, config: Config) -> Path:
    """A configuration as a file."""
    path = folder / "alertmanager.yaml"
    path.write_text(dumped(config))
    return path
