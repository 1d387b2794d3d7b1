"""The programs of the proving ground: Kubernetes, Argo Rollouts, Alertmanager, rclone, and Prometheus 3 built from
source, etcd and Prometheus 2 from Debian.

They are built once, into the user's cache, in a folder named after everything that they are built from: the module's
files, the linker flags, and the version of Go.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

__all__ = [
    "PACKAGES",
    "MissingError",
    "built",
    "debian",
    "generated_crds",
    "module_folder",
    "prometheus",
    "run",
    "version_of",
]

HERE = Path(__file__).parent

MODULES = ("kubernetes", "rollouts", "crds", "rclone", "alertmanager", "prometheus")
"""The Go modules next to this file whose tools are built."""

TAGS = {"prometheus": "remove_all_sd"}
"""Build tags. Nothing here needs to find targets in clouds, and the libraries for that are large."""

PACKAGES = {"etcd": "etcd-server", "prometheus": "prometheus", "promtool": "prometheus"}
"""The Debian package of each program."""


class MissingError(Exception):
    """A program that the proving ground needs and that cannot be had here."""


def cache_folder() -> Path:
    """The folder for what is built once: `$XDG_CACHE_HOME/mlspec/cluster`, by default below `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "mlspec" / "cluster"


@cache
def built(module: str) -> Path:
    """The folder of the programs that are the tools of a Go module next to this file; builds them when needed."""
    if shutil.which("go") is None:
        raise MissingError("Go 1.26 or later: install it from https://go.dev/dl, and put `go` on the PATH")
    source = HERE / module
    tags = TAGS.get(module, "")
    target = cache_folder() / f"{module}-{_sum(source, tags + _flags(module))}"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            out = Path(scratch) / "programs"
            out.mkdir()
            how = ("-buildvcs=false", "-tags", tags, "-ldflags", _flags(module))
            _go(source, "build", *how, "-o", f"{out}/", "tool")
            for old in target.parent.glob(f"{module}-*"):
                shutil.rmtree(old)
            out.rename(target)
    return target


def module_folder(module: str, path: str) -> Path:
    """Where the Go module cache holds the source of a module that a module next to this file requires."""
    found = json.loads(_go(HERE / module, "mod", "download", "-json", path))
    return Path(found["Dir"])


def version_of(module: str, path: str) -> str:
    """The version of a module, or of the first that begins with a path, in the go.mod of a module next to this file."""
    lines = (HERE / module / "go.mod").read_text().splitlines()
    found = [line.replace("require", "").split() for line in lines if path in line and "=>" not in line]
    return next(words[1] for words in found if len(words) > 1 and words[1].startswith("v"))


OPERATOR = "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring"


def generated_crds(folder: Path) -> None:
    """Write the definitions of the Prometheus operator's resources, from its Go types, as that project does."""
    program = built("crds") / "controller-gen"
    run([str(program), "crd", f"paths={OPERATOR}/v1;{OPERATOR}/v1alpha1", f"output:crd:dir={folder}"], HERE / "crds")


def debian(program: str) -> Path:
    """A program from the PATH, or from its Debian package, which is unpacked into the cache without installing it."""
    package = PACKAGES[program]
    found = shutil.which(program)
    if found is not None:
        return Path(found)
    target = cache_folder() / package
    if not target.exists():
        if shutil.which("apt-get") is None:
            raise MissingError(f"`{program}`: install it, and put it on the PATH")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
            _download(package, Path(scratch))
            archives = list(Path(scratch).glob("*.deb"))
            run(["dpkg", "-x", str(archives[0]), "unpacked"], Path(scratch))
            (Path(scratch) / "unpacked").rename(target)
    return target / "usr" / "bin" / program


def prometheus(version: str) -> tuple[Path, Path]:
    """promtool and the server: of version 2 from Debian, of version 3 built here."""
    if version == "2":
        return debian("promtool"), debian("prometheus")
    folder = built("prometheus")
    return folder / "promtool", folder / "prometheus"


def _flags(module: str) -> str:
    """The linker's flags. Without its version, a built API server says that it is 0.0.0."""
    if module != "kubernetes":
        return "-s -w"
    version = version_of("kubernetes", "k8s.io/kubernetes")
    major, minor, _ = version.removeprefix("v").split(".")
    at = "k8s.io/component-base/version"
    return f"-s -w -X {at}.gitVersion={version} -X {at}.gitMajor={major} -X {at}.gitMinor={minor}"


def _download(package: str, folder: Path) -> None:
    download = ["apt-get", "-qq", "download", package]
    try:
        run(download, folder)
    except MissingError:  # a fresh machine has no package lists
        run([*([] if os.getuid() == 0 else ["sudo", "-n"]), "apt-get", "-qq", "update"], folder)
        run(download, folder)


def _sum(source: Path, flags: str) -> str:
    parts = hashlib.sha256(flags.encode())
    parts.update(_go(source, "env", "GOVERSION").encode())
    for file in sorted(source.rglob("*")):
        if file.name in ("go.mod", "go.sum") or file.suffix == ".go":
            parts.update(json.dumps([str(file.relative_to(source)), file.read_text()]).encode())
    return parts.hexdigest()[:16]


def _go(folder: Path, *arguments: str) -> str:
    return run(["go", *arguments], folder, CGO_ENABLED="0")


def run(command: Sequence[str], folder: Path, **environment: str) -> str:
    """Run a program in a folder, and return what it prints. Raises MissingError if it fails."""
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise MissingError(f"`{' '.join(command)}` failed:\n{done.stderr}")
    return done.stdout


def make(build: Callable[[str], object], names: Iterable[str]) -> None:
    """Build what has these names, and say what takes long. Ends the process if something is missing."""
    for name in names:
        begin = time.monotonic()
        sys.stdout.write(f"{name}: ")
        sys.stdout.flush()
        try:
            build(name)
        except MissingError as error:
            sys.exit(f"error: the proving ground needs {error}")
        sys.stdout.write(f"ready after {time.monotonic() - begin:.0f} s\n")


if __name__ == "__main__":
    make(built, MODULES)
    make(debian, PACKAGES)
