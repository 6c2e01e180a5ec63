# Everything one does in a checkout. Targets that need .venv make it first, from the pins in requirements-dev.lock.
#
#   make setup    make .venv                        make litmus   the litmus suites against a running server
#   make serve    start on 127.0.0.1:8080           make power    power cuts and failing disks
#   make test     all tests but the three at right  make slow     long or large runs
#   make check    format, lint, types, tidy         make bench    measurements, into bench/results/
#   make lock     newest versions into the locks    make reference  conf/ and docs from the settings
#   make fuzz     many odd requests and archives    (EXAMPLES=5000 of each kind; a few are part of make test)
#
# ARGS is handed on: make test ARGS='-k locked', make serve ARGS='--listen 0.0.0.0:8080'.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
UV_VERSION := 0.13.8
ARGS ?=

.PHONY: setup serve test check format litmus power slow fuzz bench lock reference clean

setup: $(READY)

$(READY): requirements-dev.lock pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=path/to/python3" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements-dev.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

serve: $(READY)
	@$(BIN)/mylist serve $(ARGS)

test: $(READY)
	$(BIN)/python -m pytest -m "not litmus and not power and not slow" $(ARGS)

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/tidy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

litmus power slow: $(READY)
	$(BIN)/python -m pytest -m $@ $(ARGS)

EXAMPLES ?= 5000

fuzz: $(READY)
	FUZZ_EXAMPLES=$(EXAMPLES) SCHEMATHESIS_EXAMPLES=300 $(BIN)/python -m pytest tests/fuzz tests/api/test_described.py $(ARGS)

bench: $(READY)
	$(BIN)/python bench/run.py $(ARGS)

# The pins of everything, then those of the server alone, the same where both have them. Hashes of every wheel of a
# version are written, so one lock serves each Python and platform.
COMPILE = $(VENV)/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --group build pyproject.toml

lock:
	"$(PYTHON)" -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip --disable-pip-version-check --quiet install uv==$(UV_VERSION)
	$(COMPILE) --group dev --upgrade --output-file requirements-dev.lock
	$(COMPILE) --upgrade --constraints requirements-dev.lock --output-file requirements.lock

reference: $(READY)
	$(BIN)/python -m tests.tidy.generated

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
