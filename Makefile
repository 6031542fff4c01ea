# Two commands do everything from a bare machine: `make demo` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check bench docs setup setup-system setup-system-for-tests setup-schedulers setup-apptainer clean

demo: $(VENV)/.base setup-system
	@$(BIN)/towline demo

test: $(VENV)/.test setup-apptainer setup-schedulers
	@$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(VENV)/.check
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

bench: $(VENV)/.test setup-apptainer
	@$(BIN)/python bench/run_all.py

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

setup: $(VENV)/.base setup-system

$(VENV)/bin/python:
	@scripts/make_venv "$(PYTHON)" $(VENV)

$(VENV)/.base: pyproject.toml | $(VENV)/bin/python
	@echo "Installing Towline into $(VENV) …"
	@$(BIN)/python -m pip install -q -e .
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	@echo "Installing Towline and what its tests need into $(VENV) …"
	@$(BIN)/python -m pip install -q -e '.[test]'
	@touch $@ $(VENV)/.base

$(VENV)/.check: pyproject.toml | $(VENV)/bin/python
	@$(BIN)/python -m pip install -q -e '.[test,check]'
	@touch $@ $(VENV)/.test $(VENV)/.base

$(VENV)/.docs: pyproject.toml | $(VENV)/bin/python
	@$(BIN)/python -m pip install -q -e '.[docs]'
	@touch $@ $(VENV)/.base

setup-system:
	@scripts/setup_system

setup-system-for-tests:
	@scripts/setup_system slurm-wlm-torque mpich chromium fonts-dejavu-core

setup-schedulers: setup-system-for-tests
	@scripts/setup_schedulers $(BIN)/python

setup-apptainer: setup-system-for-tests
	@scripts/setup_apptainer

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
