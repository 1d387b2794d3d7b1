# Everything that is done by hand or in CI. PYTHON may name another interpreter.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: setup check generate golden bench clean

setup: .venv/.ready  ## an environment with everything in it

.venv/.ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q --upgrade pip
	$(BIN)/pip install -q -e . --group dev
	$(BIN)/pip install -q ./examples/plugin
	touch $@

check: setup  ## all that CI holds a change to
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q

generate: setup  ## the schema, the compiler's tables and the reference, from the models and the rules
	$(BIN)/python -m mlspec.schema.generate

golden: setup  ## the examples' output and the error messages; prints what changed, for the commit message
	$(BIN)/python -m tests.golden

bench: setup  ## processor time beside kubectl kustomize; see docs/performance.md
	$(BIN)/python -m tests.bench

clean:
	rm -rf .venv build *.egg-info
