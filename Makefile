# What can be done here? `make help` lists it. Nothing but Python 3.11, make and a package index is needed.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell for p in python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --require-hashes --no-deps
# Two cores: the rest of the suite is bound by the database, not by Python.
PARALLEL ?= -n 2
# Bytecode is kept even where the surroundings forbid it: pytest would rewrite every test file anew in each process.
PYTEST := PYTHONDONTWRITEBYTECODE= $(PY) -m pytest
PORT ?= 8000
DEMO := $(CURDIR)/var/demo

.PHONY: help setup demo serve test test-fast test-kills test-search test-sqlite test-postgres lint types contracts migrations-check bench bench-page bench-pins lock \
	golden pictures messages clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.with-development  ## make the environment with all development tools

demo: $(VENV)/.with-service  ## run the whole main job on real data; leaves its artifacts in var/demo/
	rm -rf $(DEMO)
	CADASTRE_VAR=$(DEMO)/register $(PY) manage.py demo --output $(DEMO)

serve: $(VENV)/.with-service  ## console, API, worker and beat with the demo's data (PORT=8000); Ctrl-C ends all of it
	@test -f $(DEMO)/attestation.json || $(MAKE) demo
	CADASTRE_VAR=$(DEMO)/register $(PY) manage.py serve --port $(PORT)

test: lint types contracts migrations-check test-sqlite test-postgres  ## everything that must hold, on both databases

test-sqlite: $(VENV)/.with-development  ## the whole suite on SQLite, with a real broker, real workers and a real browser
	$(PYTEST) $(PARALLEL)

test-postgres: $(VENV)/.with-development  ## what touches locks, triggers, transactions, JSON or search, on PostgreSQL
	CADASTRE_TEST_DATABASE=postgres $(PYTEST) $(PARALLEL) -m postgres

test-fast: $(VENV)/.with-development  ## the inner loop: without worker processes, browser, PostgreSQL, Spark and what takes minutes
	$(PYTEST) $(PARALLEL) -m "not worker and not chromium and not postgres and not spark and not thorough"

test-kills: $(VENV)/.with-development  ## kill -9 writers and sequencers ROUNDS=50 times on both databases
	CADASTRE_TEST_KILL_ROUNDS=$(or $(ROUNDS),50) $(PYTEST) tests/registry/test_ledger_crashes.py
	CADASTRE_TEST_KILL_ROUNDS=$(or $(ROUNDS),50) CADASTRE_TEST_DATABASE=postgres $(PYTEST) tests/registry/test_ledger_crashes.py

test-search: $(VENV)/.with-development  ## look for counterexamples: the generated tests, on TIMES=20 times as many examples, at random
	CADASTRE_TEST_SEARCH=$(or $(TIMES),20) $(PYTEST) $(PARALLEL) -m hypothesis

lint: $(VENV)/.with-development  ## style and format
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(VENV)/.with-development  ## strict types
	$(PY) -m mypy registry audits governance client

contracts: $(VENV)/.with-development  ## who may import whom
	$(VENV)/bin/lint-imports

migrations-check: $(VENV)/.with-development  ## is a migration missing?
	CADASTRE_VAR=$$(mktemp -d) $(PY) manage.py makemigrations --check --dry-run

bench: $(VENV)/.with-development  ## side by side with pinned peers, an hour; BENCH="ids" for some; leaves var/bench/results.json
	$(PY) -m benchmarks $(if $(BENCH),--only $(BENCH)) $(if $(ROUNDS),--rounds $(ROUNDS))

bench-page: $(VENV)/.with-development  ## write docs/benchmarks.md from var/bench/results.json
	$(PY) -m benchmarks.page

bench-pins: $(VENV)/.with-development  ## resolve the peers' environments anew from benchmarks/peers/*.in
	for name in benchmarks/peers/*.in; do $(PY) -m uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url \
		--no-annotate --python-version 3.11 "$$name" -o "$${name%.in}.txt"; done

golden: $(VENV)/.with-development  ## accept today's output as the golden files
	CADASTRE_GOLDEN=write $(PYTEST) tests/golden

pictures: $(VENV)/.with-development  ## take the README's pictures from a running `make serve`; SIGN_IN=<a one-time link that make demo printed>
	$(PY) -m tests.pictures "$(SIGN_IN)"

messages: $(VENV)/.with-development  ## collect and compile the translations (needs gettext)
	mkdir -p templates/locale
	$(PY) manage.py makemessages --locale de --ignore .venv --ignore var --no-location --no-wrap
	$(PY) manage.py compilemessages --ignore .venv --ignore var

lock: $(VENV)/.with-development  ## resolve the dependencies anew; the files name no host
	$(PY) -m uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url --no-annotate \
		--python-version 3.11 pyproject.toml --group dev -o requirements-dev.lock
	$(PY) -m uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url --no-annotate \
		--python-version 3.11 pyproject.toml --group demo --constraint requirements-dev.lock -o requirements.lock

clean:  ## remove what the other targets made, the environment included
	rm -rf $(VENV) var .ruff_cache .mypy_cache .pytest_cache .import_linter_cache .hypothesis

# The environment. pip installs, because it reads its user's own configuration (index, certificates, proxy); hashes are
# required. The service's lock is a subset of the development lock, so an environment with the latter is complete.

$(PY):
	@test -n "$(PYTHON)" || { echo "Python 3.11 was not found on PATH. Install it, or say: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.with-service: requirements.lock | $(PY)
	@if [ -f $(VENV)/.with-development ] && [ ! requirements-dev.lock -nt $(VENV)/.with-development ]; then \
		echo "The environment is complete."; \
	else \
		echo "Installing the service (once, a minute or two) ..."; $(INSTALL) -r requirements.lock; \
	fi
	@touch $@

$(VENV)/.with-development: requirements-dev.lock | $(PY)
	@echo "Installing the service and the development tools (once, a few minutes) ..."
	$(INSTALL) -r requirements-dev.lock
	@touch $@
