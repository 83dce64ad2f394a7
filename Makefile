# Two commands do all: `make demo` shows what this is, `make test` shows that it works.
PYTHON ?= python3
BIN := .venv/bin
DEMO := .demo

.PHONY: demo test check format install clean

demo: .venv/installed
	$(BIN)/python samples/demo.py $(DEMO)

test: .venv/installed
	$(BIN)/python -m pytest

check: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: .venv/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

install: .venv/installed

# Remade whenever the dependencies change.
.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Bowerbird needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv .venv
	@echo "Installing (PyTorch with its libraries is most of it: about 7 GB, a few minutes) …"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv $(DEMO) build dist
