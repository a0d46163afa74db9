# Everything installs into .venv from the lock file; each target is also the plain line that it runs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup run test lab bench lock

setup: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

run: setup
	$(BIN)/python -m mbnb run -p epochs 12

test: setup
	$(BIN)/python -m pytest

lab: setup
	$(BIN)/python -m jupyterlab notebooks

bench: setup
	$(BIN)/python -m benchmarks

# Writes the lock file anew from what is installed now.
lock: setup
	{ echo "# Exact versions that make installs; written by make lock."; $(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu//'; } > requirements.lock
