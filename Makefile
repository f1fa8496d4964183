# Two commands matter: `make run` and `make test`. Everything else is for people who work on it.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
export DAGSTER_HOME := $(CURDIR)
export MISSIEMONITOR_INSTANCE ?= $(CURDIR)/data/dagster

.PHONY: run live test test-all ui bench lint format lock clean
run: $(STAMP)
	$(BIN)/missiemonitor run --offline

# Exit codes as for `missiemonitor run`: 3 when a publisher could not be had.
live: $(STAMP)
	$(BIN)/missiemonitor run

# What takes minutes is marked `slow` and left to test-all: whole runs, kills, nights, the UI, browsers.
test: $(STAMP)
	$(BIN)/python -m pytest -m "not slow"

test-all: $(STAMP)
	$(BIN)/python -m pytest

ui: $(STAMP)
	mkdir -p $(MISSIEMONITOR_INSTANCE)
	$(BIN)/dagster dev -m assets.definitions -h 127.0.0.1 -p $(or $(PORT),3000)

bench: $(STAMP)
	$(BIN)/python tools/bench.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# uv goes in first: pip cannot install this hashed lock. Compiling once here halves the time of every
# start where Python may not write bytecode itself.
$(STAMP): requirements.lock requirements-uv.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-uv.lock
	$(BIN)/uv pip sync -q --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock requirements-uv.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q pipeline assets
	touch $@

lock:
	$(BIN)/uv pip compile -q pyproject.toml --extra dev --universal --generate-hashes --no-annotate --no-header --no-emit-index-url -o requirements.lock

clean:
	rm -rf data/work data/dagster data/marts data/raw/_verdicts
