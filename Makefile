# make run | test | slurm | test-cluster | neuronio | study | longhorizon | bench | docs | lint | format | clean
# Variables: CORES=4, CONFIG=config/demo.yaml, SCALE=0.01 (of the dataset), ARGS="options for snakemake or pytest", PYTHON=python3.12

# A misspelt one would silently leave things as they are. Those with a _ are of the environment (PIP_..., NEURONIO_...).
KNOWN := CORES CONFIG SCALE ARGS PYTHON STUDY KEPT PAGE WRITE
ifeq ($(MAKELEVEL),0)
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
PLAIN := $(foreach name,$(GIVEN),$(if $(findstring _,$(name)),,$(name)))
UNKNOWN := $(strip $(filter-out $(KNOWN) -% MAKE% SHELL CC CXX CFLAGS CXXFLAGS LDFLAGS TMPDIR HOME PATH,$(PLAIN)))
$(if $(UNKNOWN),$(error there is no variable $(UNKNOWN) here, only $(KNOWN)))
endif

PYTHON ?= python3
CORES ?= all
SCALE ?=
STUDY ?= study
CONFIG ?= config/demo.yaml
ARGS ?=

BIN := .venv/bin
READY := .venv/.installed
# The folders that are parts of the package neuronio, linked into one tree for the type checker.
ROOMS := data simulation surrogate
SMK_FILES := Snakefile workflow/Snakefile workflow/rules

# Without the bytecode of what is installed, which is written as it is first used, every job spends
# more time compiling what it imports than at work; container images often forbid it.
unexport PYTHONDONTWRITEBYTECODE

# An environment that was copied or moved with its clone has the paths of where it was.
ifneq ($(shell cat $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif

.DEFAULT_GOAL := run
.PHONY: run test slurm test-cluster neuronio study longhorizon bench docs lint format clean

run: $(READY)
	@$(BIN)/python workflow/run.py --cost --configfile $(CONFIG) $(if $(SCALE),--scale $(SCALE)) \
		--cores $(CORES) $(ARGS)

neuronio: CONFIG = config/neuronio.yaml
neuronio: run

longhorizon: CONFIG = config/longhorizon.yaml
longhorizon: run

KEPT := docs/results/neuronio/fits
PAGE = docs/results/$(if $(filter study,$(STUDY)),neuronio,$(STUDY))
study: $(READY) # goes on from the fits that are kept in $(KEPT); STUDY=study_data | study_ampa are more questions
	@$(BIN)/python workflow/study.py --configfile config/$(STUDY).yaml --cost --keep $(KEPT) --page $(PAGE) \
		$(if $(SCALE),--scale $(SCALE)) --cores $(CORES) $(ARGS)

test: $(READY)
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS)

slurm: $(READY) # Snakemake's plugin, and Slurm itself where this is root on Debian
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock \
		--no-build-isolation --editable '.[slurm]'
	$(BIN)/python tests/cluster/slurm.py install

test-cluster: slurm # through a Slurm of two nodes
	$(BIN)/python -m pytest tests/cluster $(ARGS)

bench: $(READY) # WRITE=1 stores the figures and writes the speed tables
	$(BIN)/python benchmarks $(if $(WRITE),--write) $(ARGS)

docs: $(READY) # the site, into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --config-file docs/site/mkdocs.yml $(ARGS)
	@echo "Open build/site/index.html"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check $(SMK_FILES)
	$(BIN)/snakemake --lint --configfile config/smoke.yaml
	@rm -rf build/types && mkdir -p build/types/neuronio
	@ln -s $(CURDIR)/neuronio/* $(addprefix $(CURDIR)/,$(ROOMS)) build/types/neuronio/
	cd build/types && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml -p neuronio

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt $(SMK_FILES)

clean: # the environment and caches; results/ stays
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .hypothesis

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "error: $(PYTHON) is missing or older than 3.11; install Python 3.11 or later," \
		"or name it: make PYTHON=python3.12" >&2; exit 1; }
	@test ! -e $@ || test "$$(cat $@)" = "$(CURDIR)" || rm -rf .venv
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the locked dependencies into .venv (some minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check pip==26.0 # twice as fast as 23
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
		--requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation --editable .
	@echo "$(CURDIR)" > $@
