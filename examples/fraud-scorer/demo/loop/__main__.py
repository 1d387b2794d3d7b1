"""The demo: set up, tell the stories, and draw the page."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

from .page import html
from .result import result as found
from .stage import Stage
from .stories import told

DAY = 12.0
SEED = 7


def main() -> int:
    given = _arguments()
    out, began = given.out.resolve(), time.monotonic()
    if out.exists():
        if not (out / "demo.log").exists():
            sys.exit(f"error: {out} is not of this demo: name a folder that does not exist yet with --out")
        shutil.rmtree(out)
    out.mkdir(parents=True)
    with (out / "demo.log").open("w") as log:

        def say(line: str) -> None:
            print(line, flush=True)  # noqa: T201
            log.write(line + "\n")
            log.flush()

        programs = {"prometheus": given.prometheus, "alertmanager": given.alertmanager, "promtool": given.promtool}
        with Stage(out / "work", given.day, given.seed, programs, say) as stage:
            stage.prepare()
            stories = told(stage)
            result = found(stage, stories, time.monotonic() - began)
    (out / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    (out / "index.html").write_text(html(result))
    for story in stories:
        say_verdict(story)
    print(f"page: {out / 'index.html'}")  # noqa: T201
    return 0 if result["holds"] else 1


def say_verdict(story: object) -> None:
    """One line for a story, and one for each check that does not hold."""
    mark = "as told" if story.holds else "NOT AS TOLD"  # type: ignore[attr-defined]
    print(f"story {story.number}, {story.title}: {mark}: {story.verdict}")  # type: ignore[attr-defined] # noqa: T201
    for check in story.checks:  # type: ignore[attr-defined]
        if not check["holds"]:
            print(f"  not so: {check['says']}: {check.get('found', '')}")  # noqa: T201


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent.parent / "out", help="the folder of the result"
    )
    parser.add_argument("--day", type=float, default=DAY, help="the seconds that a day of the system takes")
    parser.add_argument("--seed", type=int, default=SEED, help="the seed of the payments")
    for program in ("prometheus", "promtool", "alertmanager"):
        parser.add_argument(f"--{program}", required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: all programs were ended\n")
        sys.exit(130)
