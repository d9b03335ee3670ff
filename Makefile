# Flow. `make help` lists the targets; each works from an empty clone with Python 3.11 or later and make alone.
.DEFAULT_GOAL := help
.PHONY: help up install test lint bench chaos mutants clean
SHELL := /bin/sh
BIN := .venv/bin
STAMP := .venv/.installed
VENDOR := workers/dashboard/static/vendor/vendor.js
PACKAGES := $(addprefix workers/dashboard/,package.json package-lock.json vendor.mjs icons.mjs vitals.mjs)
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python3.14 python; do \
	"$$p" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: install ## Start the whole product here, on http://127.0.0.1:7300
	@$(BIN)/flow up

install: $(STAMP) $(VENDOR) ## Make .venv with everything the embedded stack needs

test: install ## Run the whole test suite (the browser tests want Chromium: root gets Debian's by itself)
	@$(BIN)/python -m tests.browser.chromium
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: install ## Check style, types, and migrations that would lock
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/python -m tests.migrations

bench: install ## Measure what DESIGN.md holds Flow to (ARGS=leads for one section)
	@$(BIN)/python -m tests.bench $(ARGS)

chaos: install ## 100,000 webhooks, 5,000 sends and 20 kills, against a calm day (about a quarter of an hour)
	@FLOW_CHAOS_WEBHOOKS=100000 FLOW_CHAOS_SENDS=5000 FLOW_CHAOS_KILLS=20 $(BIN)/python -m pytest -o timeout=3600 --durations=1 tests/e2e/test_chaos.py

mutants: install ## Take Flow's guards away one by one: which test of the promises notices? (ARGS=trigger for some)
	@$(BIN)/python -m tests.mutants $(ARGS)

clean: ## Remove what `make install` made (data in .flow stays)
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache

$(STAMP): pyproject.toml workers/local/gateway/package-lock.json
	@test -n "$(PYTHON)" || { echo "Flow needs Python 3.11 or later with venv (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@echo "Making .venv with $$($(PYTHON) --version) …"
	@$(PYTHON) -m venv .venv
	@echo "Installing Python packages …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local,dev]'
	@$(BIN)/python -m workers.local.node --suitable || { echo "Installing Node.js …"; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[node]'; }
	@echo "Installing the gateway …"
	@$(BIN)/python -m workers.local.node --install
	@touch $(STAMP)

$(VENDOR): $(STAMP) $(PACKAGES)
	@echo "Bundling the dashboard's packages …"
	@$(BIN)/python -m workers.local.dashboard_packages
	@touch $(VENDOR)
	@echo "Installed. Next: make up"
