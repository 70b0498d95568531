# Needs a Python >= 3.11 with venv, and make. Everything else is installed into .venv by the first target that needs it.

.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
JSON ?=
KEEP ?=
FULL ?=
ONLY ?=
ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The first interpreter that runs, is new enough and can make an environment: another user's pyenv cannot be run,
# and some distributions ship python3 without venv.
$(STAMP): requirements-dev.lock pyproject.toml
	@set -e; found=; \
	for python in python3.11 python3.12 python3.13 python3.14 python3 /usr/bin/python3 /usr/local/bin/python3 python; do \
	  if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then echo "No Python >= 3.11 with venv was found; on Debian: apt-get install python3 python3-venv" >&2; exit 1; fi; \
	if ! $(BIN)/python -c 'import pip' >/dev/null 2>&1; then echo "Creating $(VENV) with $$found"; "$$found" -m venv --clear $(VENV); fi; \
	echo "Installing what requirements-dev.lock pins"; \
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock; \
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .; \
	touch $(STAMP)

.PHONY: install
install: $(STAMP) ## create .venv and install, once

.PHONY: demo
demo: $(STAMP) ## play the whole story and verify it (JSON=FILE writes the result, KEEP=1 leaves the house up)
	@$(BIN)/csod-pipelines demo $(if $(JSON),--json "$(JSON)") $(if $(KEEP),--keep) $(ARGS)

.PHONY: up
up: $(STAMP) ## serve Dagster, gateway, sandboxes and PostgreSQL until Ctrl-C
	@exec $(BIN)/csod-pipelines up $(ARGS)

.PHONY: test
test: $(STAMP) ## run the tests (at most 10 minutes)
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not full" $(ARGS)

.PHONY: test-full
test-full: $(STAMP) ## also kills, many daemon runs, browser (at most 90 minutes)
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

.PHONY: check
check: $(STAMP) ## lint, types, import rules, dependencies
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/basedpyright
	@$(BIN)/lint-imports
	@$(BIN)/deptry csod_pipelines

.PHONY: bench
bench: $(STAMP) ## measure (ONLY=name, FULL=1 for the long figures)
	@$(BIN)/python -m csod_pipelines_tests.bench $(if $(ONLY),--only "$(ONLY)") $(if $(FULL),--full) $(ARGS)

.PHONY: mutants
mutants: $(STAMP) ## change every rule of sync in every small way: each must make a test fail (about an hour)
	@nice -n 10 $(BIN)/python -m csod_pipelines_tests.mutants $(ARGS)

.PHONY: crashes
crashes: $(STAMP) ## kill -9 a worker, PostgreSQL and the Dagster daemon twenty times each, then compare both sides
	@$(BIN)/python -m csod_pipelines_tests.crashes $(ARGS)

.PHONY: soak
soak: $(STAMP) ## an hour of five events a second (ARGS="--minutes 5" for less)
	@$(BIN)/python -m csod_pipelines_tests.soak $(ARGS)

.PHONY: audit
audit: $(STAMP) ## look the locked packages up among the known vulnerabilities; exits 3 where that is impossible
	@$(BIN)/python -m csod_pipelines_tests.audit
