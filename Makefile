# Everything that is done by hand or in CI. PYTHON may name another interpreter.
PYTHON ?= python3
BIN = .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: setup check generate golden bench clean

setup: .venv/.ready  ## an environment with everything in it

.venv/.ready: pyproject.toml examples/plugin/pyproject.toml
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/pip install -q --upgrade pip
	$(BIN)/pip install -q -e . --group dev
	$(BIN)/pip install -q ./examples/plugin
	touch $@

check: setup  ## all that CI holds a change to
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	mlspec check examples/*/mlspec.yaml
	python -m pytest -q

generate: setup  ## the schema, the compiler's tables and the reference, from the models and the rules
	python -m mlspec.schema.generate
	python -m docs.generate

golden: setup  ## the examples' output and the error messages; prints what changed, for the commit message
	python -m tests.golden

bench: setup  ## processor time beside kubectl kustomize; see docs/performance.md
	python -m tests.bench

clean:
	rm -rf .venv build *.egg-info
