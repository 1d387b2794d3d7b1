"""The command line: the group of all commands."""

from __future__ import annotations

import click

from . import __version__
from .commands import COMMANDS

__all__ = ["cli"]

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=SETTINGS, commands=COMMANDS)
@click.version_option(__version__, "--version", prog_name="mlspec")
def cli() -> None:
    """Compile one YAML file that describes a machine-learning system to Kubernetes manifests, and lint it first."""
