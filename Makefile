# One task each. Every task makes its own virtual environment first, and again only when what it needs has changed.

.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

# The Python that makes the environment: PYTHON=… on the command line, else the newest one that is new enough.
PYTHON ?= $(firstword $(foreach name,python3.13 python3.12 python3.11 python3 python,$(shell \
	command -v $(name) >/dev/null && $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))

# Another Python than the environment's, asked for by name, makes the environment anew.
ifneq ($(filter command% environment,$(origin PYTHON)),)
VERSION := -c 'import sys; print(sys.version_info[:2])' 2>/dev/null
ifneq ($(shell $(BIN)/python $(VERSION)),$(shell $(PYTHON) $(VERSION)))
$(shell rm -rf $(VENV))
endif
endif

##@ To try

demo: $(VENV)/.train  ## check, compile and train specs/demo.moe on text that is already here, then generate (minutes)
	@$(BIN)/moedsl check specs/demo.moe
	@$(BIN)/moedsl compile specs/demo.moe
	@rm -rf runs/demo
	@$(BIN)/moedsl train specs/demo.moe --out runs/demo
	@$(BIN)/moedsl generate runs/demo --prompt 'The "for" statement' --max-tokens 300 --temperature 0.7

##@ To change something

test: $(VENV)/.dev  ## the tests, without the slow ones
	@$(ONE_THREAD) $(BIN)/pytest -m 'not slow' -n 2

test-all: $(VENV)/.dev  ## all tests
	@$(ONE_THREAD) $(BIN)/pytest -n 2

lint: $(VENV)/.dev  ## ruff's rules, the layout, and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache

types: $(VENV)/.dev  ## pyright
	@$(BIN)/pyright --warnings

fmt: $(VENV)/.dev  ## lay out the code, and mend what ruff can mend safely
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

budget: $(VENV)/.dev  ## lengths of functions and files, import time
	@$(BIN)/python .ci/budget.py

bench: $(VENV)/.dev  ## the numbers that we promise, measured as ratios in one run
	@$(ONE_THREAD) $(BIN)/python -m moedsl.bench

clean:  ## remove the environment, caches and builds; runs stay
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## this list
	@awk -F ':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' \
		$(firstword $(MAKEFILE_LIST))

# ---- the environment

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; say where it is with PYTHON=…" >&2; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV)

$(VENV)/.train: $(BIN)/python pyproject.toml .ci/constraints.txt
	@echo "installing moedsl[train] (PyTorch is large; this takes a few minutes, once)"
	@$(PIP) --editable '.[train]'
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml .ci/constraints.txt
	@echo "installing moedsl[dev] (PyTorch is large; this takes a few minutes, once)"
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.train

.PHONY: demo test test-all lint types fmt budget bench clean help
