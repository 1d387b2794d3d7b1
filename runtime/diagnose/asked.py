"""What the command line of `mlspec runtime diagnose` asks for: a diagnosis of files, or that of a process."""

from __future__ import annotations

from . import command, remote

__all__ = ["request"]


def request(
    url: str | None, at: str | None, *, in_job: bool, config: str | None, measured: str | None, out: str | None
) -> command.Request | remote.Request | None:
    """The request; None if an option is missing."""
    if url is not None:
        made = remote.of_the_job(url) if in_job and out is None else None
        return made if out is None else remote.Request(url=url, out=out, in_job=in_job)
    if config is None or measured is None or out is None:
        return None
    return command.Request(config=config, measured=measured, out=out, at=at, in_job=in_job)
