# One command each. Every target makes its own .venv: nothing but Python 3.11+ (with venv and pip) is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check bench mutants clean

demo: $(READY)  ## measure a real API, database and cache; writes paceline-demo/
	$(BIN)/paceline demo

test: $(READY)  ## the whole test suite
	$(BIN)/python -m pytest

check: $(READY)  ## formatting, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## Paceline's own speed, as ratios
	$(BIN)/python -m bench

mutants: $(READY)  ## a seeded sample of mutants of stats, records and judge against their tests
	$(BIN)/python -m tests.quality.mutants

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Paceline needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	@echo 'Installing Paceline and its tools into $(VENV), once (about half a minute)'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(READY)

clean:  ## remove the environment and all caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
