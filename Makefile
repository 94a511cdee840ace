# make demo    classify a dance live; needs no camera, broker or account (ARGS="--seconds 20")
# make test    run all tests (ARGS="-k window" selects some)
# make unit    run the tests that need no broker, server, browser or Ray, as a bare pytest does
# make check   run ruff, mypy for Linux, Windows and macOS, the import rules and the writing rules of
#              CONTRIBUTING.md
# make bench [VIDEOS=folder]   measure speed and write docs/explanation/performance.md (ARGS=--quick);
#              `python -m benchmarks` lists all benchmarks
# make docs    build the documentation: build/site/index.html
# make pictures    take the pictures of README and docs in a real browser: four minutes, on a machine
#              without other load, since they show a live run
# make soak    simulate two hours of a show with constant faults, in 48 minutes (ARGS="--minutes 5")
# make container   in a clean Debian made by debootstrap: run the steps of the container image and
#              start its service, the wheel by uvx and pipx, and the service under systemd; three to
#              twelve minutes, as root
# make model AIST=aist RENDERED=rendered NEGATIVES=negatives OUT=runs/model
#              train, calibrate and export the model, with its card; up to 2.5 hours on two cores
# make dist    build wheel, sdist, list of components and hashes of the last commit in dist/
# make reliability   run all fault tests and write docs/explanation/reliability.md
# make accuracy DATA=aist TRACKS=tracks [RENDERED=synth] [NEGATIVES=negatives] [NONDANCE=nondance]
#              measure accuracy and write docs/explanation/accuracy.md: hours from scratch, minutes
#              with trained networks (ARGS="--only 'ladder-*' page" selects jobs, ARGS=--list lists them)

PYTHON ?= python3
export PYTHON
# uv trusts the certificates of the system, as pip does.
export UV_SYSTEM_CERTS := true
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test unit check types-linux types-win32 types-darwin bench docs pictures soak container
.PHONY: dist reliability accuracy model clean
.DELETE_ON_ERROR:

demo: $(VENV)/installed
	$(BIN)/dancetype demo $(ARGS)

# Tests that only compute run on all cores, and those that measure time run alone. The rest mostly
# wait for other processes, so two run at a time.
UNIT := $(addprefix tests/,app benchmarks cli engine export fuzz stream training)
COMPUTING := $(UNIT) tests/docker
ALONE := $(addprefix tests/system/,pages test_demo.py test_fleet.py test_overload.py \
	test_websocket_load.py)
test: $(VENV)/installed-dev
	./docker/system-packages --test
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 8 $(COMPUTING)
	$(BIN)/python -m pytest -n 2 --dist worksteal tests $(addprefix --ignore=,$(COMPUTING) $(ALONE))
	$(BIN)/python -m pytest $(ALONE)
endif

unit: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --maxprocesses 8 $(UNIT) $(ARGS)

# Types are checked for Windows and macOS too, except those of the tests, which run on Linux. The
# three systems share no cache, so they are checked at the same time.
TYPES := $(addprefix types-,linux win32 darwin)
check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) --no-print-directory --jobs 3 --output-sync=target $(TYPES)
	$(BIN)/lint-imports
	$(BIN)/python docs/check_style.py

$(TYPES): types-%:
	$(BIN)/mypy --platform $* --cache-dir .mypy_cache/$* $(if $(filter-out linux,$*),dancetype examples)

bench: $(VENV)/installed-dev
	$(BIN)/python -m benchmarks performance $(if $(VIDEOS),--videos "$(VIDEOS)") $(ARGS)
	$(BIN)/python -m benchmarks offline $(if $(VIDEOS),--videos "$(VIDEOS)") $(ARGS)

docs: $(VENV)/installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

pictures: $(VENV)/installed-dev
	./docker/system-packages --test
	$(BIN)/python -m benchmarks pictures $(ARGS)

soak: $(VENV)/installed-dev
	./docker/system-packages --test
	$(BIN)/python -m benchmarks soak $(ARGS)

container: $(VENV)/installed-dev
	DANCETYPE_CONTAINER=1 $(BIN)/python -m pytest tests/docker/test_image.py \
		tests/docker/test_clean_debian.py $(ARGS)

dist: $(VENV)/installed-dev
	rm -rf dist
	./docker/build-dist $(VENV) dist

reliability: $(VENV)/installed-dev
	./docker/system-packages --test
	$(BIN)/python -m benchmarks reliability $(ARGS)

RUNS ?= runs/accuracy
accuracy: $(VENV)/installed-dev
	@[ -n "$(DATA)" ] && [ -n "$(TRACKS)" ] || \
		{ echo "DATA or TRACKS is missing: make accuracy DATA=aist TRACKS=tracks" >&2; exit 1; }
	$(BIN)/python -m benchmarks accuracy --data "$(DATA)" --tracks "$(TRACKS)" --runs "$(RUNS)" \
		$(if $(RENDERED),--rendered $(RENDERED)) $(if $(VIDEOS),--videos "$(VIDEOS)") \
		$(if $(NEGATIVES),--negatives "$(NEGATIVES)") $(if $(NONDANCE),--nondance "$(NONDANCE)") \
		$(ARGS)

model: $(VENV)/installed-dev
	@[ -n "$(AIST)" ] && [ -n "$(OUT)" ] || \
		{ echo "AIST or OUT is missing: make model AIST=aist OUT=runs/model" >&2; exit 1; }
	$(BIN)/dancetype build --data "$(AIST)" --out "$(OUT)" \
		$(foreach folder,$(RENDERED),--tracks "$(folder)") \
		$(if $(NEGATIVES),--negatives "$(NEGATIVES)") $(ARGS)

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
