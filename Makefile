# What a developer types. Everything runs in .venv, which `make setup` makes.

PYTHON ?= python3
BIN := .venv/bin
UV_VERSION := 0.13.9

.DEFAULT_GOAL := help
.PHONY: help setup test check snapshots bench docs lock

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## make .venv: the locked dependencies, and elconsole editable
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --no-deps -e .

test: ## the tests, but for terminals, faults and whatever takes long
	$(BIN)/pytest -m "not (terminal or faults or slow or chance)"

check: ## style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

snapshots: ## draw the console's pictures anew
	$(BIN)/pytest tests/ui/test_snapshots.py --snapshot-update

bench: ## a quick look at the speed
	$(BIN)/python -m tests.benchmarks

docs: ## check paths and links of the documents
	$(BIN)/pytest -n 0 tests/test_documents.py

lock: ## resolve the dependencies anew, with hashes
	$(BIN)/pip install --quiet uv==$(UV_VERSION)
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --upgrade \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-package elconsole \
	  --custom-compile-command "make lock" --quiet --output-file requirements/dev.txt
