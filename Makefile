# make demo    see it work: no camera, broker or account needed      (ARGS="--seconds 20" ends it)
# make test    every test                                            (ARGS="-k window" some)
# make unit    the tests that need no broker, server, browser or Ray: the same as a bare pytest
# make check   ruff, mypy and the import rules of docs/explanation/design.md
# make bench [VIDEOS=folder]   how fast it is, and docs/explanation/performance.md of it (ARGS=--quick)
#              (python -m benchmarks lists what else can be measured)
# make docs    the documentation as pages: build/site/index.html
# make pictures    the pictures of README and docs, of the real pages in a real browser
# make soak    two hours of a show full of faults, in 48 minutes     (ARGS="--minutes 5")
# make container   the steps of the container image in a clean Debian made by debootstrap, and the
#              service there: two to eight minutes, as root
# make reliability   every fault tried, and docs/explanation/reliability.md made of it
# make accuracy DATA=aist TRACKS=tracks [RENDERED=synth] [RUNS=runs/accuracy]
#              docs/explanation/accuracy.md: hours from nothing, minutes where its networks are trained; some
#              of it with ARGS="--only 'ladder-*' page", what there is with ARGS=--list

PYTHON ?= python3
export PYTHON
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test unit check bench docs pictures soak container reliability accuracy clean
.DELETE_ON_ERROR:

demo: $(VENV)/installed
	$(BIN)/dancetype demo $(ARGS)

# What only computes shares the cores. Of what waits for cameras and brokers to come back, two go on
# at a time, the longest first. What keeps time has the machine alone.
UNIT := $(addprefix tests/,app benchmarks cli engine export fuzz stream training)
COMPUTING := $(UNIT) tests/docker
WAITING := $(patsubst %,tests/system/test_%.py,soak fault_proxy mosquitto mosquitto_access \
	mosquitto_faults record rtsp rtsp_faults shutdown)
test: $(VENV)/installed-dev
	./docker/system-packages --test
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 8 $(COMPUTING)
	$(BIN)/python -m pytest -n 2 --dist worksteal $(WAITING)
	$(BIN)/python -m pytest tests $(addprefix --ignore=,$(COMPUTING) $(WAITING))
endif

unit: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 8 $(UNIT) $(ARGS)

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/check_style.py

bench: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks performance $(if $(VIDEOS),--videos "$(VIDEOS)") $(ARGS)

docs: $(VENV)/installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

pictures: $(VENV)/installed-dev
	./docker/system-packages --test
	$(BIN)/python -m benchmarks pictures $(ARGS)

soak: $(VENV)/installed-dev
	./docker/system-packages --test
	$(BIN)/python -m benchmarks soak $(ARGS)

container: $(VENV)/installed-dev
	DANCETYPE_CONTAINER=1 $(BIN)/python -m pytest tests/docker/test_image.py $(ARGS)

reliability: $(VENV)/installed-dev
	./docker/system-packages --test
	$(BIN)/python -m benchmarks reliability $(ARGS)

RUNS ?= runs/accuracy
accuracy: $(VENV)/installed-dev
	@[ -n "$(DATA)" ] && [ -n "$(TRACKS)" ] || \
		{ echo "say where the data is: make accuracy DATA=aist TRACKS=tracks" >&2; exit 1; }
	$(BIN)/python -m benchmarks accuracy --data "$(DATA)" --tracks "$(TRACKS)" --runs "$(RUNS)" \
		$(if $(RENDERED),--rendered "$(RENDERED)") $(if $(VIDEOS),--videos "$(VIDEOS)") $(ARGS)

clean:
	rm -rf $(VENV) build dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "dancetype needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 1; }
	./docker/system-packages
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable '.[train,dev]'
	touch $@ $(VENV)/installed
