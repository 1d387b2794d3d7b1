# Everyday tasks, for developers and CI. Set PYTHON to use a different interpreter.
PYTHON ?= python3
BIN = .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: setup check generate golden bench clean

setup: .venv/.ready  ## create a complete development environment

.venv/.ready: pyproject.toml examples/plugin/pyproject.toml
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/pip install -q --upgrade pip
	$(BIN)/pip install -q -e . --group dev
	$(BIN)/pip install -q ./examples/plugin
	touch $@

check: setup  ## run all checks that CI runs
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	mlspec check examples/*/mlspec.yaml
	python -m pytest -q

generate: setup  ## generate the schema, the compiler's tables, and the reference from the models and the rules
	python -m mlspec.schema.generate
	python -m docs.generate

golden: setup  ## update the golden output and messages; prints what changed, for the commit message
	python -m tests.golden

bench: setup  ## measure CPU time, compared with kubectl kustomize; see docs/performance.md
	python -m tests.bench

clean:
	rm -rf .venv build src/*.egg-info
