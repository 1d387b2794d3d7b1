# Everyday tasks, for developers and CI. Set PYTHON to use a different interpreter.
PYTHON ?= python3
BIN = .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Without bytecode, each worker would compile all tests and all of mlspec again.
unexport PYTHONDONTWRITEBYTECODE
SCALE = 1
SECONDS = 60
PYTEST = python -m pytest -q -n auto --dist worksteal

.PHONY: setup quick check exhaustive attack leaves cases fuzz cluster ground real longest loop programs environments proof lowest newest generate golden bench sbom lock clean

setup: .venv/.ready  ## create a complete development environment, with the versions in requirements/

.venv/.ready: pyproject.toml requirements/dev.txt examples/plugin/pyproject.toml
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e . ./examples/plugin
	touch $@

quick: setup  ## run the fastest tests for a minute; which ones these are is known after the first `make check`
	$(PYTEST) -p tests.quick -m 'not slow and not exhaustive'

check: setup  ## run all checks and the tests, in less than ten minutes
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	mlspec check examples/*/mlspec.yaml
	$(PYTEST) -m 'not exhaustive'

exhaustive: setup  ## run the tests that try many values, or simulate for long
	$(PYTEST) -m exhaustive

attack: setup  ## attack everything that mlspec reads, in tens of thousands of ways; prints a table (SCALE=0.05 for a try)
	python -m tests.attack --scale $(SCALE)

leaves: setup  ## change every value and misspell every word of all examples, instead of each field in one of them
	MLSPEC_EVERY_LEAF=1 $(PYTEST) tests/test_metamorphic.py tests/test_misspelled.py

cases: setup  ## compare what mlspec does with each spec in a folder, CASES, with what is expected of it
	python -m tests.cases $(CASES)

fuzz: .fuzz/.ready  ## look for input that reaches new code and breaks it, for SECONDS=60 in each of four targets
	for target in reader binder patches gate; do \
		.fuzz/bin/python -m tests.attack.fuzz $$target $(SECONDS) .fuzz/found || exit 1; \
	done

.fuzz/.ready: pyproject.toml requirements/fuzz.txt
	test -x .fuzz/bin/pip || $(PYTHON) -m venv .fuzz
	.fuzz/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements/fuzz.txt
	touch $@

cluster: setup  ## run the proving ground: real controllers on the output; needs Go, and builds them once
	$(MAKE) -s -j2 programs environments
	$(MAKE) -s -j3 ground real longest

longest: setup  ## run the libraries, the demo, and the exhaustive tests, then the lowest and the newest versions
	$(MAKE) -s loop
	nice $(MAKE) -s exhaustive
	nice $(MAKE) -s lowest
	nice $(MAKE) -s newest

GROUND = python -m pytest -q --durations=0 --durations-min=1 --ignore=tests/cluster/loop tests/cluster

ground: setup  ## run the tests of the control plane, which mostly wait for its controllers
	$(GROUND) -m ground

real: setup  ## run the tests of real servers, browsers, and Prometheus, which need no control plane
	$(GROUND) -m 'not ground'

loop: setup  ## run the tests of the libraries of data and training, and the demo
	python -m pytest -q --durations=0 --durations-min=1 tests/cluster/loop

programs: setup
	python -m tests.cluster.programs

environments: setup
	python -m tests.cluster.real_servers.environments
	python -m tests.cluster.pages.browser

proof: setup  ## run the proving ground, and write what was seen to docs/proof.md
	MLSPEC_PROOF=1 python -m pytest -q tests/cluster

lowest: setup  ## test what uses dependencies with the lowest versions that pyproject.toml allows
	python -m tests.ranges lowest

newest: setup  ## test what uses dependencies with the newest versions, and only report failures
	python -m tests.ranges newest

generate: setup  ## generate the schema, the compiler's tables, and the reference from the models and the rules
	python -m mlspec.schema.generate
	python -m docs.generate

golden: setup  ## update the golden output and messages; prints what changed, for the commit message
	python -m tests.golden

bench: setup  ## measure CPU time, compared with kubectl kustomize; see docs/performance.md
	PYTHON=$(PYTHON) python -m tests.bench

sbom: .venv/release/.ready  ## write a software bill of materials of what users install to dist/
	.venv/release/bin/python requirements/release.py dist --only-list

.venv/release/.ready: requirements/release.txt
	$(PYTHON) -m venv .venv/release
	.venv/release/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements/release.txt
	touch $@

lock:  ## update the locked versions in requirements/ to the newest
	PYTHON=$(PYTHON) requirements/lock.sh

clean:
	rm -rf .venv .fuzz build src/*.egg-info
