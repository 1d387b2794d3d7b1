#!/bin/sh
# Lock the versions that development and CI install (`make lock`). Each file pins every package, direct or not, to one
# version, and lists the hashes of its files:
#
#     run.txt     the newest dependencies, and setuptools: what `./quickstart` needs
#     dev.txt     the same versions, and all development tools
#     runtime.txt the same versions, and what measures data: what the Dockerfile installs
#     fuzz.txt    the same versions, and the fuzzer
#     release.txt the same versions as in dev.txt, and what builds a release and its software bill of materials
#     lowest.txt  the tests, with the lowest versions that pyproject.toml allows
#
# and, in tests/cluster/real_servers/requirements/, one file for each server of the proving ground, from the .in next to it,
# in tests/cluster/loop/requirements/, one for each library that the loop runs with, in tests/cluster/pages/, one for what
# drives the browser, in examples/fraud-scorer/demo/, one for the demo, and in tests/cluster/, one for what installs these.
#
# The files work for Python 3.11 and later, on Linux and macOS, on x86_64 and arm64. They do not name a package index.
set -eu
cd "$(dirname "$0")/.."

tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
"${PYTHON:-python3}" -m venv "$tool"
"$tool/bin/pip" install -q --disable-pip-version-check 'uv>=0.9,<1'

lock() { # lock NAME OPTION...
    file=requirements/$1.txt
    shift
    UV_CUSTOM_COMPILE_COMMAND='make lock' "$tool/bin/uv" pip compile pyproject.toml --quiet --no-config \
        --universal --python-version 3.11 --generate-hashes --upgrade "$@" --output-file "$file"
}

lock dev --group dev
lock run --group build --constraint requirements/dev.txt
lock runtime --extra runtime --group build --constraint requirements/dev.txt
lock fuzz --group fuzz --constraint requirements/dev.txt
lock release --group release --constraint requirements/dev.txt
lock lowest --group test --resolution lowest-direct

# A list may have packages that it does without, in the file .overrides.
for list in tests/cluster/real_servers/requirements/*.in tests/cluster/loop/requirements/*.in tests/cluster/pages/browser.in \
    tests/cluster/uv.in examples/fraud-scorer/demo/requirements.in; do
    set --
    [ ! -f "${list%.in}.overrides" ] || set -- --override "${list%.in}.overrides"
    UV_CUSTOM_COMPILE_COMMAND='make lock' "$tool/bin/uv" pip compile "$list" --quiet --no-config \
        --universal --python-version 3.11 --generate-hashes --upgrade "$@" --output-file "${list%.in}.txt"
done
