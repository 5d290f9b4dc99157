# One command each; `make` alone prints them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# A Python 3.11 or later that can make environments: python3 if it is one, else the newest one beside it.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$python" && break; \
	done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
STORE ?= .demo
SIZE ?= change
# Most tests wait for a process or a disk of theirs half of the time.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/.run ## send 50 events of three services through real OTLP and print the report
	$(BIN)/spanledger demo --store $(STORE)

.PHONY: test
test: $(VENV)/.dev ## run the tests (all but the wheel's), a file at a time, on every core
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --maxprocesses 4 --dist loadfile

.PHONY: faults
faults: $(VENV)/.dev ## kill, cut power, fill disks, lose answers, and count what is lost or doubled; SIZE=nightly for long
	$(BIN)/python tests/faults $(SIZE)

.PHONY: install
install: $(VENV)/.dev ## create .venv with the project (editable) and all tools, pinned by hash

.PHONY: format
format: $(VENV)/.dev ## rewrite the sources in the house style
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

.PHONY: lint
lint: $(VENV)/.dev ## check style, types and import rules; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

.PHONY: wheel
wheel: $(VENV)/.dev ## build the wheel and test it in a fresh environment, without the tree
	$(BIN)/python -m pytest -m wheel

.PHONY: languages
languages: $(VENV)/.dev ## run the examples in Go, JavaScript and Python, and drivers for Go and Java (needs go, node, mvn and the network)
	$(BIN)/python -m pytest -m languages

.PHONY: browser
browser: $(VENV)/.dev ## look at the page in a real Chromium, which must be installed (Debian: apt install chromium)
	$(BIN)/python -m pytest -m browser tests/browser

.PHONY: pictures
pictures: $(VENV)/.dev ## take the pictures of docs/pictures from the demonstration's data (needs Chromium)
	PYTHONPATH=tests $(BIN)/python tests/browser/pictures.py

.PHONY: policy
policy: $(VENV)/.dev ## test the policies in a real Open Policy Agent (needs go and, the first time, the network)
	$(BIN)/python -m pytest -m opa

.PHONY: conformance
conformance: $(VENV)/.dev ## run the OTLP tests, also the slow ones: long outages, a flood, exporters of November 2024
	$(BIN)/python -m pytest -m "slow or not slow" tests/conformance

.PHONY: bench
bench: $(VENV)/.run ## run the benchmarks; each checks its own result
	$(BIN)/python benchmarks

.PHONY: dashboards
dashboards: $(VENV)/.dev ## write Grafana's dashboards anew from their code in grafana/boards
	PYTHONPATH=grafana $(BIN)/python -m boards

.PHONY: up
up: ## start ClickHouse, the receiver, a Collector and Grafana with docker compose
	docker compose up --build --detach
	@echo "OTLP 127.0.0.1:4317 and 127.0.0.1:4318, Grafana http://127.0.0.1:3000"

.PHONY: pin
pin: ## renew requirements/*.txt from pyproject.toml (needs uv)
	$(call compile,run)
	$(call compile,dev,--group dev --group instrumented --constraint requirements/run.txt)

compile = uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --extra server --extra oidc --group build $(2) \
	--generate-hashes --no-emit-index-url --no-emit-find-links --upgrade --custom-compile-command "make pin" \
	--output-file requirements/$(1).txt

# Both lists pin the build backend too, so that the project itself is installed without fetching anything more.
$(VENV)/.run: requirements/run.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes --only-binary :all: --requirement requirements/run.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	$(PIP) install --require-hashes --only-binary :all: --requirement requirements/dev.txt
	touch $@

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "spanledger needs Python 3.11 or later with venv: install one, or run make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
