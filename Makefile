# One verb per chore. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
DEMO_HOME ?= demo-home
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
# Of torch's processor build; pip looks into its own find-links too, so a wheel at hand will do.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
SYNC := $(UV) sync --frozen --inexact --quiet --python $(BIN)/python
export UV_PROJECT_ENVIRONMENT := $(CURDIR)/$(VENV)
export TF_CPP_MIN_LOG_LEVEL ?= 3
# Tests start hundreds of processes: without compiled files each takes three times as long to begin.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install install-dev demo test e2e fuzz crosscheck check fmt docs migration bench bench-agent bench-rescan bench-database bench-flow bench-crops bench-networks bench-onednn bench-peers bench-multiplanar bench-scout bench-workers bench-gpu bench-engines bench-brains image crossvalidate ablations evaluate

help:  ## list the verbs
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/'

$(BIN)/python:
	@for candidate in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	  $$candidate -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	    && { echo "making $(VENV) with $$candidate"; exec $$candidate -m venv $(VENV); }; \
	done; \
	echo "metseg needs Python 3.11, 3.12 or 3.13 with its venv module (Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1

$(UV): $(BIN)/python
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.installed: pyproject.toml uv.lock | $(UV)
	@echo "installing from uv.lock (TensorFlow is large: a few minutes the first time)"
	@$(SYNC) --no-dev --extra openvino --extra training
	@touch $@

$(VENV)/.installed-dev: pyproject.toml uv.lock | $(UV)
	@echo "installing from uv.lock with development packages"
	@$(SYNC)
	@touch $@ $(VENV)/.installed

# PyPI's torch for Linux brings gigabytes of CUDA: all but that from the lock, then its processor build.
$(VENV)/.installed-crosscheck: pyproject.toml uv.lock $(VENV)/.installed-dev
	@echo "installing torch, MONAI and JAX for the processor (a few minutes the first time)"
	@$(UV) export --quiet --frozen --only-group crosscheck --no-hashes --no-annotate --no-header > $(VENV)/crosscheck.txt
	@grep -vE '^(torch=|triton=|cuda-|nvidia-)' $(VENV)/crosscheck.txt | $(UV) pip install --quiet --no-deps --python $(BIN)/python -r -
	@$(BIN)/python -m pip install --quiet --retries 2 --no-deps --index-url $(TORCH_INDEX) \
	  "$$(sed -n 's/^\(torch==[^ ;]*\).*/\1/p' $(VENV)/crosscheck.txt)"
	@touch $@

install: $(VENV)/.installed  ## make the environment in .venv from the lock file

install-dev: $(VENV)/.installed-dev  ## … with what tests and checks need

demo: install  ## one study from folder to database, no server: state stays in demo-home
	@$(BIN)/metseg demo --home "$(DEMO_HOME)"

test: install-dev  ## unit and integration tests; needs no server
	@$(BIN)/python -m pytest -n auto --dist loadfile -m "not services" tests/unit tests/integration

e2e: install-dev  ## whole processes, faults, server mode; private servers when installed
	@$(BIN)/python -m pytest -n 4 --dist loadgroup tests/e2e
	@$(BIN)/python -m pytest -n auto --dist loadfile -m services tests/unit tests/integration

fuzz: install-dev  ## damaged files for a minute, always the same; EFFORT=long: new ones, for hours
	@$(BIN)/python -m pytest --hypothesis-profile=$(or $(EFFORT),short) $(if $(EFFORT),--timeout=0) tests/fuzz

crosscheck: $(VENV)/.installed-crosscheck  ## the networks beside MONAI's, and on every Keras backend
	@METSEG_REQUIRE_CROSSCHECK=1 $(BIN)/python -m pytest -n 2 tests/crosscheck

check: install-dev  ## format, lint, types, imports, lock file
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(UV) lock --check --quiet --python $(BIN)/python

fmt: install-dev  ## format and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: install-dev  ## the generated pages
	@$(BIN)/python docs/generate.py

migration: install-dev  ## the next migration from db/tables: make migration m="why"
	@$(BIN)/python -c 'import sys; from db.upgrade import write_revision; write_revision(sys.argv[1])' "$(m)"

RUNS ?= runs
DATA ?= ../shared/data

crossvalidate: install-dev  ## train anew, base to final, and make weights of it: hours; see docs/training.md
	@$(MAKE) -j2 -f training/recipes/crossvalidate.mk RUNS=$(RUNS) DATA=$(DATA)
	@$(BIN)/python -m training finish $(RUNS) --heads $(RUNS)/heads/choose --data $(DATA)

ablations: install-dev  ## widths, CLAHE, losses, real scans, at equal minutes; see docs/training.md
	@$(MAKE) -j2 -f training/recipes/ablations.mk RUNS=$(RUNS) DATA=$(DATA)
	@$(BIN)/python -m training table $(RUNS)/ablations

evaluate: install-dev  ## docs/accuracy.md and the model card, on 60 heads that no choice has seen: half an hour
	@$(BIN)/metseg synthesize $(RUNS)/heads/report --part report --count 60 --seed 22 --workers 2 --label-maps $(DATA)/labelmaps
	@$(BIN)/python -m training report --heads $(RUNS)/heads/report --data $(DATA) --kept $(RUNS)/answers

bench: install-dev  ## seconds per study by stage; files per second beside pydicom
	@$(BIN)/python -m benchmarks.stages
	@$(BIN)/python -m benchmarks.files

bench-crops: install-dev  ## training crops per second, by a thread and by processes, for docs/benchmarks.md
	@$(BIN)/python -m benchmarks.crops

bench-networks: install-dev  ## parameters, arithmetic and time of the networks, for docs/networks.md
	@$(BIN)/python -m benchmarks.networks

bench-workers: install-dev  ## the same studies by one, two and four workers, for docs/performance.md
	@$(BIN)/python -m benchmarks.workers

bench-gpu: install-dev  ## seconds a study, slices per second and memory on a GPU, for docs/gpu.md
	@$(BIN)/python -m benchmarks.gpu

bench-onednn: install-dev  ## what oneDNN does for the networks on this processor, for docs/benchmarks.md
	@$(BIN)/python -m benchmarks.onednn

bench-peers: $(VENV)/.installed-crosscheck  ## seconds and memory beside nnU-Net's network and AURORA's, for docs/benchmarks.md
	@$(BIN)/python -m benchmarks.peers

bench-multiplanar: install-dev  ## how much work multiplanar refinement adds, for docs/networks.md
	@$(BIN)/python -m benchmarks.multiplanar

$(RUNS)/heads/choose/lesions.csv: | install-dev
	@$(BIN)/metseg synthesize $(@D) --part choose --count 24 --seed 21 --workers 2 --label-maps $(DATA)/labelmaps

bench-scout: $(RUNS)/heads/choose/lesions.csv  ## what a scout saves and loses, on heads that no weights have seen, for docs/networks.md
	@$(BIN)/python -m benchmarks.scout --heads $(RUNS)/heads/choose --data $(DATA)

bench-engines: $(RUNS)/heads/choose/lesions.csv  ## what bfloat16 saves and loses, on heads that no weights have seen, for docs/benchmarks.md
	@$(BIN)/python -m benchmarks.engines --heads $(RUNS)/heads/choose --data $(DATA)

bench-brains: install-dev  ## what the networks take for a brain, for docs/dicom.md
	@$(BIN)/python -m benchmarks.brains --data $(DATA)

bench-agent: install-dev  ## whether pictures show contrast agent, on real scans, for docs/series-choice.md
	@$(BIN)/python -m benchmarks.agent --data $(DATA)

bench-rescan: install-dev  ## processor time and memory of a watcher over known files, for docs/performance.md
	@$(BIN)/python -m benchmarks.rescan

bench-database: install-dev  ## milliseconds of claim, finalise, lists and counts among a million studies, for docs/performance.md
	@$(BIN)/python -m benchmarks.million

bench-flow: install-dev  ## studies a second from folder to row on private servers, for docs/performance.md
	@$(BIN)/python -m benchmarks.flow

image:  ## the container image of docker-compose.yml
	docker build -t metseg:cpu .
