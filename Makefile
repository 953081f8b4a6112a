# One command each. Every target makes its own .venv: nothing but Python 3.11+ (with venv and pip) is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCUST := .venv-locust/.ready
PEERS := .venv-peers/.ready

# Where it is set, each of the many processes of a test run would compile all that it imports anew: half of the time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check bench bench-http bench-scale bench-targets bench-verdict mutants quality quality-real assets pictures clean

demo: $(READY)  ## measure a real API, database and cache; writes paceline-demo/
	$(BIN)/paceline demo

# Several at once, as most of the functional tests wait for processes that they started; a file stays in one process.
test: $(READY)  ## the whole test suite; ARGS='-n 0': one process, --hypothesis-profile=thorough: more examples
	$(BIN)/python -m pytest -n 4 --dist loadfile $(ARGS)

check: $(READY)  ## formatting, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)  ## Paceline's own speed, as ratios
	$(BIN)/python -m bench

bench-http: $(READY) $(LOCUST)  ## HTTP load next to wrk and Locust; ARGS=--long watches memory for 5 min
	@missing=; for tool in nginx wrk openssl; do \
		PATH="$$PATH:/usr/local/sbin:/usr/sbin" command -v $$tool >/dev/null || missing="$$missing $$tool"; \
	done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "bench-http needs$$missing. Install it (Debian: sudo apt-get install$$missing) and run this again." >&2; exit 1; \
	fi; \
	echo "Installing$$missing"; apt-get update -qq && RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $$missing
	$(BIN)/python -m bench.http $(ARGS)

bench-targets: $(READY)  ## statements and caches next to bare drivers, pgbench, redis-benchmark and redis-py, 4 min; ARGS=sql: some
	@missing=; command -v redis-benchmark >/dev/null || missing="$$missing redis-tools"; \
	PATH="$$PATH:$$(echo /usr/lib/postgresql/*/bin | tr ' ' :)" command -v pgbench >/dev/null || missing="$$missing postgresql"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
		echo "bench-targets needs$$missing. Install it (Debian: sudo apt-get install$$missing) and run this again." >&2; exit 1; \
	fi; \
	echo "Installing$$missing"; apt-get update -qq && RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $$missing
	$(BIN)/python -m bench.targets $(ARGS)

bench-scale: $(READY)  ## several processes, a Dask cluster, following 1,000 legs, 4 min; ARGS=fleet: some
	$(BIN)/python -m bench.scale $(ARGS)

bench-verdict: $(READY) $(PEERS)  ## verdicts next to pytest-benchmark, pyperf and asv on the same sessions, 10 min; ARGS=--quick: 2
	$(BIN)/python -m bench.verdict $(ARGS)

quality: $(READY)  ## planted truth, simulated: false alarms, coverage, power of every verdict; ARGS=--keep stores the output
	$(BIN)/python -m tests.quality $(ARGS)

quality-real: $(READY)  ## the same with real duets and real queues on this machine, 40 minutes; the output is kept
	$(BIN)/python -m tests.quality.real_duets $(ARGS) | tee tests/quality/results/real_duets.txt
	$(BIN)/python -m tests.quality.moved_code | tee tests/quality/results/moved_code.txt
	$(BIN)/python -m tests.quality.real_queues | tee tests/quality/results/real_queues.txt

mutants: $(READY)  ## a seeded sample of mutants of stats, records and judge against their tests
	$(BIN)/python -m tests.quality.mutants

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Paceline needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	@echo 'Installing Paceline and its tools into $(VENV), once (about half a minute)'
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $(READY)

# Locust pins versions of its own: it must not touch ours.
$(LOCUST):
	@echo 'Installing Locust into .venv-locust, once'
	@$(PYTHON) -m venv .venv-locust
	@.venv-locust/bin/python -m pip install --quiet --disable-pip-version-check locust
	@touch $(LOCUST)

# Nor need what the peers depend on be ours.
$(PEERS):
	@echo 'Installing pytest-benchmark, pyperf and asv into .venv-peers, once'
	@$(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check pytest-benchmark pyperf asv
	@touch $(PEERS)

pictures: $(READY)  ## docs/images anew, from real runs (needs Chromium and a quiet machine); ARGS=outage: some
	$(BIN)/python -m tests.pictures $(ARGS)

assets:  ## the charting library that HTML reports carry: fetched anew, its hash checked (needs npm)
	.ci/uplot

clean:  ## remove the environments and all caches
	rm -rf $(VENV) .venv-locust .venv-peers .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
