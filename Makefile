# Everything installs into .venv from the lock file; each target is also the plain line that it runs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The minor versions in pyproject.toml's requires-python: the oldest, and the first that is too new.
MINOR := $(shell sed -n 's/^requires-python = ">=3\.\([0-9]*\),<3\.\([0-9]*\)"/\1 \2/p' pyproject.toml)
OLDEST := $(word 1,$(MINOR))
TOO_NEW := $(word 2,$(MINOR))
NEWEST := $(shell expr $(TOO_NEW) - 1)

.PHONY: setup run all test torture lab bench lock

setup: $(VENV)/.installed

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(not (3, $(OLDEST)) <= sys.version_info < (3, $(TOO_NEW)))" || { \
	echo "mbnb needs Python 3.$(OLDEST) to 3.$(NEWEST); $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	"Name another one: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.$(OLDEST)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

# The main job: data, videos, training, evaluation, errors, and the report.
run: setup
	$(BIN)/python -m mbnb run 01 02 03 04 05 -p epochs 12

# Every notebook, each on its small default.
all: setup
	$(BIN)/python -m mbnb run -p epochs 12

test: setup
	$(BIN)/python -m pytest

# What must never lose work nor let anybody in: kills, full disks, bad data, fuzzers; half an hour.
torture: setup
	PYTHONPATH=.:tests OMP_NUM_THREADS=1 $(BIN)/python -m torture

lab: setup
	$(BIN)/python -m jupyterlab notebooks

bench: setup
	$(BIN)/python -m benchmarks

# Writes the lock file anew for every Python and system, from the ranges in pyproject.toml; versions
# that still fit stay, or the newest are taken with UPGRADE=--upgrade. CUDA's libraries are left
# out: torch names its own exactly, and where torch comes without CUDA there are none to install.
lock: setup
	$(BIN)/uv pip compile --quiet $(UPGRADE) --universal --python-version 3.$(OLDEST) --only-binary :all: \
	--extra video --extra formats --extra export --extra cluster --extra dev --no-annotate --no-header --output-file requirements.lock pyproject.toml
	{ echo "# Exact versions that make installs; written by make lock."; \
	grep -vE '^(#|nvidia-|cuda-|triton)' requirements.lock; } > .lock && mv .lock requirements.lock
