# The commands of this project. Each installs what it needs first; `make` alone lists them.
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

PYTHON ?= python3
QUERN_VENV ?= $(CURDIR)/.venv
export QUERN_VENV
RUN := "$(QUERN_VENV)/bin/python"
BIN := "$(QUERN_VENV)/bin"

# Tests on real servers mostly wait: two files at a time, each process with servers of its own.
TEST_PROCESSES ?= 2

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: venv
venv:
	@"$(PYTHON)" deploy/native/bootstrap.py

.PHONY: setup
setup: venv ## Install the locked packages and build the servers (the first time takes minutes)
	@$(RUN) -m native build

.PHONY: up
up: venv ## Start the whole stack in the background and wait until it is ready
	@$(RUN) -m native up

.PHONY: down
down: venv ## Stop the stack; its data stays
	@$(RUN) -m native down

.PHONY: status
status: venv ## List what runs, with pids and logs
	@$(RUN) -m native status

.PHONY: logs
logs: venv ## Follow all logs of the stack
	@$(RUN) -m native logs

.PHONY: check
check: venv ## Lint, check types and import contracts, run the unit and architecture tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy shared services clients deploy/native tests
	@$(BIN)/lint-imports
	@$(RUN) -m pytest -q tests/unit tests/architecture

.PHONY: test
test: setup ## Run `make check`, then all other tests on real servers of their own
	@$(MAKE) check
	@$(RUN) -m pytest -n $(TEST_PROCESSES) --dist loadfile \
		--ignore=tests/unit --ignore=tests/architecture --ignore=tests/bench --ignore=tests/chaos

.PHONY: demo
demo: setup ## Start the stack and show the main job on it (URL=https://... crawls another site)
	@QUERN_CRAWL_ALLOW_NETWORKS=127.0.0.2/32 $(RUN) -m native up
	@$(RUN) -m native.demo $(if $(URL),--url "$(URL)")

.PHONY: bench
bench: setup ## Measure speed and memory beside well-known peers
	@"$(PYTHON)" deploy/native/bootstrap.py --bench
	@PYTHONPATH=tests $(RUN) -m bench

.PHONY: chaos
chaos: setup ## Break a stack while it works, and check the promises (SEED=n FAULTS=40 DOCUMENTS=500 MINUTES=10)
	@PYTHONPATH=tests $(RUN) -m chaos $(or $(SEED),1) $(if $(FAULTS),--faults $(FAULTS)) \
		$(if $(DOCUMENTS),--documents $(DOCUMENTS)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SECONDS),--seconds $(SECONDS))

.PHONY: docs
docs: venv ## Write the reference pages that are made from the code
	@PYTHONPATH=tests $(RUN) -m support.reference_docs
	@$(RUN) deploy/env/write.py

.PHONY: clean
clean: ## Stop the stack, remove the environment and the tools' caches; data and built servers stay
	@if [ -x $(RUN) ]; then $(RUN) -m native down; fi
	@rm -rf "$(QUERN_VENV)" .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
