.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
PYTHON ?= python3
BIN := .venv/bin
DASHBOARD := app/dashboard/files/index.html
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

help: ## print the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: .venv/.runtime dashboard ## install, build, start PostgreSQL and a demo fleet that moves, serve on http://127.0.0.1:8000
	@$(BIN)/ccgraph serve --demo --live

install: .venv/.installed ## make .venv and install everything that tests and checks need

dashboard: $(DASHBOARD) ## build the pages for browsers, with Node.js from here (22.12 or newer) or from PyPI

check: .venv/.installed ## format, lint, types, import contracts, drift, coverage of what does no I/O; edits nothing
	@$(MAKE) --no-print-directory --jobs=2 check-code check-coverage

check-code: .venv/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/ccgraph schema --check
	$(BIN)/python -m tests.support.drift

check-coverage: .venv/.installed
	@# Lines that many examples reach are reached by a hundred, and a tracer takes twice as long; make test draws all.
	EXAMPLES=100 $(BIN)/coverage run -m pytest --quiet tests/unit/gql tests/unit/models tests/golden
	$(BIN)/coverage report

fix: .venv/.installed ## format, mend what ruff can mend, write settings, tables of documents, schema and golden files
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python -m tests.support.configuration
	$(BIN)/python -m tests.support.distribution
	$(BIN)/ccgraph schema
	$(BIN)/python -m tests.golden.test_statements
	$(BIN)/python -m tests.golden.test_texts

test: .venv/.installed dashboard ## run the tests on all cores; T=path picks some
	$(BIN)/pytest $(if $(T),$(T),--numprocesses=auto --dist=loadgroup)

bench: .venv/.installed dashboard benchmarks/peers/postgraphile/node_modules ## measure beside other servers; writes docs/benchmarks.md (needs wrk and npm)
	$(BIN)/python -m benchmarks.reading
	$(BIN)/python -m benchmarks.targets
	$(BIN)/python -m benchmarks.subscriptions
	$(BIN)/python -m benchmarks.stalled
	$(BIN)/python -m benchmarks.live
	$(BIN)/python -m benchmarks.writing
	$(BIN)/python -m benchmarks.agents
	$(BIN)/python -m benchmarks.delivery
	$(BIN)/python -m benchmarks.maintenance
	$(BIN)/python -m benchmarks.ingest
	$(BIN)/python -m benchmarks.proxy
	$(BIN)/python -m benchmarks.dashboard

screenshots: .venv/.installed dashboard ## take the pictures of the dashboard in docs/images of a fresh demo (needs chromium)
	$(BIN)/python -m tests.support.screenshots

benchmarks/peers/postgraphile/node_modules: benchmarks/peers/postgraphile/package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error --prefix $(@D)
	@touch $@

$(DASHBOARD): schema.graphql dashboard/package-lock.json $(shell find dashboard -path dashboard/node_modules -prune \
    -o -type f ! -name '*.generated.ts' ! -name '*.test.ts*' -print) | .venv/bin/python
	@echo 'Building the dashboard'
	@$(BIN)/python dashboard/build.py

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'ccgraph needs Python 3.11 or newer. Install it, then run: make PYTHON=/path/to/python3.11 ...' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo 'This Python cannot make virtual environments. Install its module venv (Debian, Ubuntu: apt-get install python3-venv).' >&2; exit 1; }
	@echo 'Making .venv'
	@$(PYTHON) -m venv .venv

.venv/.runtime: requirements.lock pyproject.toml | .venv/bin/python
	@echo 'Installing the locked dependencies'
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.installed: requirements-dev.lock pyproject.toml | .venv/bin/python
	@echo 'Installing the locked dependencies and tools'
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch .venv/.runtime $@

.PHONY: help run install dashboard screenshots check check-code check-coverage fix test bench
