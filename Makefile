# Each command makes .venv first, once: on a machine with Python 3.11 to 3.13, make, and nothing else.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do $$python -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$python && break; done)

SCHEDULES ?= 30
SEED ?= 1
MINUTES ?= 60
MESSAGES ?= 200000
DIR ?= ../shared/cases

.PHONY: help demo test check cases faults fuzz soak mutants bench bench-speed bench-quality sentences
help:  ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## /make \1 - /p' Makefile

demo: .venv/.ready  ## the whole thing on this machine: Kafka, a worker, three thefts, alerts
	@.venv/bin/headgate demo

test: .venv/.ready  ## all tests, real Kafka included
	@.venv/bin/pytest

check: .venv/.ready  ## lint, format, types, layering and generated pages; as pre-commit does
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@.venv/bin/python -m streams.settings.reference_pages --check

faults: .venv/.ready  ## SCHEDULES=30 SEED=1: random schedules of faults, compared with an undisturbed walk
	@.venv/bin/python -m tests.faults --schedules $(SCHEDULES) --seed $(SEED)

fuzz: .venv/.ready  ## MESSAGES=200000 SEED=1: spoilt messages through a running worker, each accounted for
	@.venv/bin/python -m tests.faults.fuzz --messages $(MESSAGES) --seed $(SEED)

cases: .venv/.ready  ## DIR=../shared/cases: small worlds that once were judged wrongly, and what is seen now
	@.venv/bin/python -m tests.cases $(DIR)

soak: .venv/.ready  ## MINUTES=60: two workers under load, struck now and then; rate, memory, lag, differences
	@.venv/bin/python -m tests.faults.soak --minutes $(MINUTES)

mutants: .venv-mutants/.ready  ## MODULES="detectors/calibration streams/state": break the core, and see which tests notice
	@.venv-mutants/bin/python -m tests.mutants $(MODULES)

bench: bench-speed bench-quality  ## speed and quality, as tables

bench-speed: .venv/.ready .venv-peers/.ready  ## events per second beside the bare consumer and the naive build
	@.venv/bin/python -m benchmarks.speed

bench-quality: .venv/.ready  ## recall, leak and measured false alarms beside the usual ways
	@.venv/bin/python -m benchmarks.quality --save

sentences: .venv/.ready  ## 200 simulated alerts: every number of their sentences, recounted from the raw events
	@.venv/bin/python -m benchmarks.sentences

.venv-peers/.ready: .venv/.ready
	@echo "Installing the peers of the speed benchmark ..."
	@$(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --editable . --group peers
	@touch $@

.venv-mutants/.ready: .venv/.ready
	@echo "Installing what breaks the code ..."
	@$(PYTHON) -m venv .venv-mutants
	@.venv-mutants/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@.venv-mutants/bin/python -m pip install --quiet --disable-pip-version-check --editable . --group mutants
	@touch $@

.venv/.ready: pyproject.toml .ci/constraints.txt
	@test -n "$(PYTHON)" || { echo "Headgate needs Python 3.11, 3.12 or 3.13 with venv; put one on PATH or say make PYTHON=/path/to/python"; exit 1; }
	@echo "Making .venv with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@echo "Installing what pyproject.toml names ..."
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable '.[local-broker]' --group dev
	@.venv/bin/headgate broker --fetch
	@touch $@
