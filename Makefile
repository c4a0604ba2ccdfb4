# Everything runs in $(VENV), which is made on first use; stamp files in it make later runs start
# at once.  Another interpreter:  make test PYTHON=python3.12 VENV=.venv-3.12
PYTHON ?= python3
VENV ?= .venv
OUT ?= out
JOBS ?= 2
PYTEST_FLAGS ?= -n $(JOBS) --dist worksteal

BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt
BENCHMARKS = $(patsubst benchmarks/speed/%.py,%,$(wildcard benchmarks/speed/[a-z]*.py))
CODE := simulator schedulers realrun scenarios tests examples docs/study $(wildcard benchmarks)

.PHONY: help demo test lint format types bench study docs gpu-check clean distclean
.DELETE_ON_ERROR:

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

demo: $(VENV)/.stamp-run ## compare the schedulers on the translation scenario, into out/demo
	$(BIN)/alloclab compare translation -o $(OUT)/demo

test: $(VENV)/.stamp-test ## run the test-suite
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

lint: $(VENV)/.stamp-dev ## check style and formatting
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)

format: $(VENV)/.stamp-dev ## repair style and formatting
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

types: $(VENV)/.stamp-dev ## check the types
	$(BIN)/mypy

bench: $(VENV)/.stamp-run ## measure speed, one module of benchmarks/speed after the other
	@set -e; for name in $(BENCHMARKS); do \
	  echo "== benchmarks.speed.$$name"; $(BIN)/python -m benchmarks.speed.$$name; \
	done

study: $(VENV)/.stamp-run ## run the study of schedulers (a quarter of an hour) and report it, into out/study
	$(BIN)/alloclab sweep docs/study/study.yaml -o $(OUT)/study
	$(BIN)/alloclab stats $(OUT)/study -o $(OUT)/study/statistics
	$(BIN)/python docs/study/tables.py $(OUT)/study > $(OUT)/study/tables.md
	$(BIN)/alloclab report $(OUT)/study

docs: $(VENV)/.stamp-test ## build the documentation into out/site, warnings being errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

gpu-check: $(VENV)/.stamp-run ## check and measure what needs a GPU, into benchmarks/results/gpu
	$(BIN)/python -m benchmarks.gpu_check

clean: ## remove build products, caches and results; keep the environment
	rm -rf build dist *.egg-info $(OUT) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove the environment as well
	rm -rf $(VENV)

$(VENV)/.stamp-venv:
	$(PYTHON) -m venv $(VENV)
	touch $@

# The install is editable: an edit of the code takes effect without another install.
$(VENV)/.stamp-run: pyproject.toml constraints.txt | $(VENV)/.stamp-venv
	$(INSTALL) -e .
	touch $@

$(VENV)/.stamp-test: pyproject.toml constraints.txt | $(VENV)/.stamp-venv
	$(INSTALL) -e '.[test]'
	touch $(VENV)/.stamp-run $@

$(VENV)/.stamp-dev: pyproject.toml constraints.txt | $(VENV)/.stamp-venv
	$(INSTALL) -e '.[dev]'
	touch $(VENV)/.stamp-run $(VENV)/.stamp-test $@
