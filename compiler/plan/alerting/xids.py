"""The errors of NVIDIA's driver (XIDs) after which a device does no work until it is reset, or its node is rebooted."""

from __future__ import annotations

from ...because import Because, fixed
from ...catalog import load as catalog
from ...tree import Mapping, Scalar

__all__ = ["fatal", "reboot", "source"]


def fatal() -> Because[str]:
    """A regular expression of their numbers, for a matcher of Prometheus."""
    numbers = sorted((*_numbers("reset"), *_numbers("reboot")), key=int)
    return fixed("|".join(numbers), "after these, NVIDIA says to reset the device or to reboot its node")


def reboot() -> Because[str]:
    """The numbers of those that need a reboot, joined by commas."""
    return fixed(", ".join(_numbers("reboot")), "after these, NVIDIA says to reboot the node")


def source() -> Because[str]:
    """The URL of the page that explains each number."""
    node = catalog.xids().entries["source"]
    assert isinstance(node, Scalar)
    return fixed(node.text, "NVIDIA's list of XIDs")


def _numbers(remedy: str) -> tuple[str, ...]:
    node = catalog.xids().entries[remedy]
    assert isinstance(node, Mapping)
    return tuple(node.entries)
