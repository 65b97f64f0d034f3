# Every target sets up what it needs: the virtual environment, the database, the schema.
#
#   make demo    the main job on generated data: usage in, balances and a verified ledger out
#   make serve   web server, worker and scheduler together; PORT=8001 for another port
#   make test    all tests; ARGS='-k name' for some of them, WORKERS=0 for one process
#   make check   lint, types, import contracts
#   make bench   speed and memory, beside a baseline of the same run

PYTHON ?= python3
ARGS ?=
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help venv prepare demo serve test check bench format

help:
	@sed -n 's/^#   //p' Makefile

venv: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Meterbook needs Python 3.11 or later: make PYTHON=python3.11 …"; exit 1; }
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing packages into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

prepare: venv
	@$(BIN)/python manage.py prepare

demo: venv
	@$(BIN)/python manage.py prepare --no-static
	@$(BIN)/python manage.py demo $(ARGS)

serve: venv
	@exec $(BIN)/python manage.py serve $(ARGS)

test: venv
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadscope $(ARGS)

check: venv
	@failed=0; \
	for step in "ruff check ." "ruff format --check ." mypy lint-imports; do \
	  echo "== $$step"; $(BIN)/$$step || failed=1; \
	done; exit $$failed

format: venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: venv
	@$(BIN)/python -m tests.benchmarks $(ARGS)
