# Two commands matter: `make run` and `make test`. Everything else is for people who work on it.
PYTHON ?= python3
BIN := .venv/bin
# What running takes, and what working on it, or running on several machines, takes besides.
STAMP := .venv/.installed
DEV := .venv/.installed-dev
CLUSTER := .venv/.installed-cluster
PEERS := .venv-peers/.installed
DATA := $(or $(MISSIEMONITOR_DATA),$(CURDIR)/data)
# Dagster's records: SQLite, or PostgreSQL where an address of it is given.
export DAGSTER_HOME := $(CURDIR)$(if $(MISSIEMONITOR_POSTGRES_URL),/deploy)
export MISSIEMONITOR_INSTANCE ?= $(DATA)/dagster

.PHONY: run live test test-all rehearse ui bench bench-peers lint format lock clean
run: $(STAMP)
	$(BIN)/missiemonitor run --offline

# Exit codes as for `missiemonitor run`: 3 when a publisher could not be had.
live: $(STAMP)
	$(BIN)/missiemonitor run

# What takes minutes is marked `slow` and left to test-all: whole runs, kills, nights, the UI, browsers.
test: $(DEV)
	$(BIN)/python -m pytest -m "not slow"

test-all: $(DEV)
	$(BIN)/python -m pytest

# As `make test`, with the newest and the lowest versions that pyproject.toml allows, each in an environment
# of its own: before a lock is made anew, and after a package is added.
rehearse: rehearse-highest rehearse-lowest-direct
rehearse-%: $(STAMP)
	$(PYTHON) -m venv --clear --without-pip .venv-$*
	$(BIN)/uv pip install -q --compile-bytecode --python .venv-$*/bin/python --resolution $* -r pyproject.toml --extra build --extra dev
	$(BIN)/uv pip install -q --python .venv-$*/bin/python --no-deps --no-build-isolation -e .
	.venv-$*/bin/python -m pytest -m "not slow"

ui: $(STAMP)
	mkdir -p $(MISSIEMONITOR_INSTANCE)
	$(BIN)/dagster dev -m assets.definitions -h 127.0.0.1 -p $(or $(PORT),3000)

bench: $(DEV)
	$(BIN)/python tools/bench.py

# In an environment of its own: dbt pins what Dagster and the rest are free in.
bench-peers: $(DEV) $(PEERS)
	$(BIN)/python tools/bench_peers.py

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The version comes first: what another one left behind is of no use. uv cannot be left out: pip cannot
# install this hashed lock. Compiling once here halves the time of every start where Python may not
# write bytecode itself.
NEEDS := import sys; sys.exit("missiemonitor needs Python 3.11 or newer; %s is %d.%d: \
make PYTHON=python3.11" % (sys.executable, *sys.version_info[:2]) if sys.version_info < (3, 11) else 0)
VERSION := import sys; print(sys.version_info[:2])
SYNC := $(BIN)/uv pip sync -q --compile-bytecode --python $(BIN)/python --require-hashes

$(STAMP): requirements.lock requirements-uv.lock pyproject.toml
	@$(PYTHON) -c '$(NEEDS)'
	test "$$($(BIN)/python -c '$(VERSION)' 2>&1)" = "$$($(PYTHON) -c '$(VERSION)')" || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-uv.lock
	$(SYNC) requirements.lock requirements-uv.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q pipeline assets
	touch $@

# Without hashes of its own the package itself would go: it is put back.
$(DEV): LOCKED := requirements-dev.lock
$(CLUSTER): LOCKED := requirements-cluster.lock
$(DEV) $(CLUSTER): $(STAMP) requirements-dev.lock requirements-cluster.lock
	$(SYNC) $(LOCKED) requirements-uv.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

$(PEERS): $(STAMP) requirements-peers.lock
	$(PYTHON) -m venv --clear --without-pip .venv-peers
	$(BIN)/uv pip sync -q --compile-bytecode --python .venv-peers/bin/python --require-hashes requirements-peers.lock
	touch $@

LOCK := $(BIN)/uv pip compile -q pyproject.toml --extra build --universal --generate-hashes --no-annotate --no-header --no-emit-index-url
lock:
	$(LOCK) -o requirements.lock
	$(LOCK) --extra cluster -c requirements.lock -o requirements-cluster.lock
	$(LOCK) --extra dev -c requirements-cluster.lock -o requirements-dev.lock
	cp requirements.lock requirements-peers.lock  # uv keeps these versions wherever dbt lets it
	$(subst --extra build,--extra peers,$(LOCK)) -o requirements-peers.lock

# All that runs made, of which the next makes everything again: tables, verdicts, Dagster's records,
# the published set. What no run makes again stays: vintages and notes of their pulls, and what changed
# from release to release.
clean:
	for made in work raw/_verdicts .lease.json .lease.lock; do rm -rf "$(DATA)/$$made"; done
	if [ -d "$(DATA)/marts" ]; then chmod -R u+w "$(DATA)/marts"; \
	  find "$(DATA)/marts" -mindepth 1 -maxdepth 1 ! -name history ! -name releases.json -exec rm -rf {} +; fi
	rm -rf "$(MISSIEMONITOR_INSTANCE)"
