# Two commands: `make book` and `make test`. Everything they need is installed into .venv.

PYTHON ?= python3
BIN := .venv/bin
CHAPTERS := $(wildcard book/*.ipynb)

# Today's versions, where they were tried: constraints.txt is of Python 3.11. CONSTRAINTS= leaves them out.
CONSTRAINTS ?= $(if $(filter 3.11,$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')),-c constraints.txt)

# What pip is told besides, such as where builds of PyTorch for CPUs lie: see README.
PIP_ARGS ?=

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Two chapters run at once in the tests, in the environment that `genimg run` gives them: one thread each, and vectors
# of one width, so that sums have the same last digit in every run.
ENVIRONMENT = $(shell $(BIN)/python -c 'from genimg.press.execution import ENVIRONMENT as e; print(*map("=".join, e.items()))')

.DEFAULT_GOAL := help
.PHONY: help book test lint types layers unit browser site notebooks readers publish bench clean

help:  ## Show this list
	@grep -E '^[a-z]+:.*##' $(firstword $(MAKEFILE_LIST)) | awk -F':.*## ' '{printf "make %-10s %s\n", $$1, $$2}'

book: .venv/.book-installed  ## Run every chapter at profile quick and build the pages
	@echo "$(words $(CHAPTERS)) chapters run and become pages: about ten minutes on two quiet cores"
	@start=$$(date +%s); \
	$(BIN)/genimg run --profile quick --jobs 2 && $(BIN)/genimg build && \
	seconds=$$(($$(date +%s) - start)) && \
	printf 'make book: %d min %02d s\n' $$((seconds / 60)) $$((seconds % 60))

test: lint types layers unit browser notebooks  ## Lint, types, import layers, unit tests, doctests, browser, notebooks

lint: .venv/.test-installed  ## Ruff
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: .venv/.test-installed  ## Mypy
	$(BIN)/mypy

layers: .venv/.test-installed  ## Who may import whom
	$(BIN)/lint-imports

unit: .venv/.test-installed  ## Unit tests and doctests
	$(BIN)/pytest -n 2 --durations=15 --ignore=tests/browser

browser: .venv/.test-installed  ## The widgets in JupyterLab and in a page, by Chromium; screenshots in build/screenshots
	$(BIN)/pytest -n 2 --dist loadfile --durations=15 tests/browser --ignore=tests/browser/test_site.py

site: .venv/.test-installed  ## The built book, page by page, by Chromium without network; after make book
	$(BIN)/pytest -n 2 tests/browser/test_site.py

notebooks: .venv/.test-installed  ## Every chapter again, without network, against its stored outputs
	@test -n "$(CHAPTERS)" || { echo "book/ holds no notebook" >&2; exit 1; }
	$(ENVIRONMENT) PYTHONPATH=tests/offline $(BIN)/pytest --nbval-lax --nbval-current-env -n 2 --dist loadscope $(CHAPTERS)

readers: .venv/.test-installed  ## Every readers' notebook from top to bottom, its exercises unanswered: a quarter of an hour
	$(BIN)/pytest -n 2 tests/readers_whole.py

publish: .venv/.book-installed  ## The pages as branch gh-pages, pushed to origin; REPOSITORY=owner/name where git has no origin
	$(BIN)/genimg build --repository '$(REPOSITORY)'
	.ci/publish

bench: .venv/.test-installed  ## Every benchmark, for page 09_speed; leave the machine alone meanwhile
	$(BIN)/python benchmarks/all.py

clean:  ## Remove everything that was built, .venv included
	rm -rf .venv build _build *.egg-info .mypy_cache .ruff_cache .import_linter_cache .hypothesis

define FETCHES
Installing into .venv: about 3.3 GB are fetched on Linux, 2.5 of them for GPUs, and take up to 8 GB of disk. Without a GPU
stop here and take PyTorch for CPUs, which leaves about half a GB: make book PIP_ARGS='--extra-index-url https://download.pytorch.org/whl/cpu'
endef
export FETCHES

# A stamp per set of packages: a second run installs nothing.
.venv/.book-installed: pyproject.toml | .venv/bin/pip
	@echo "$$FETCHES"
	$(BIN)/pip install -q $(CONSTRAINTS) $(PIP_ARGS) -e '.[book]'
	@touch $@

.venv/.test-installed: pyproject.toml | .venv/bin/pip
	@echo "$$FETCHES"
	$(BIN)/pip install -q $(CONSTRAINTS) $(PIP_ARGS) -e '.[book,test]'
	@touch .venv/.book-installed $@

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	{ echo "genimg needs Python 3.10 or newer as '$(PYTHON)'; name another one with make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
	{ echo "'$(PYTHON)' cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }
