# make demo: the quickstart, from a bare checkout to a report. make test: the tests. Both make their own .venv.
PYTHON ?= python3
VENV ?= .venv
PROCESSES ?= 2
BIN := $(VENV)/bin
OPTIMUM_VENV ?= .venv-optimum

.PHONY: demo test test-optimum lint clean

$(VENV)/.installed: pyproject.toml requirements/lock.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements/lock.txt -e ".[toolchain,dev]"
	$(BIN)/python -m compileall -q compactor # an editable install compiles nothing, and every command would
	touch $@

demo: $(VENV)/.installed
	$(BIN)/compactor run profiles/quickstart.yaml

test: $(VENV)/.installed lint
	$(BIN)/pytest -n $(PROCESSES) --dist loadfile # a file's tests share what they made

# Optimum's exporter needs transformers below 4.58: the export and bundle tests run there too, in an environment of their own.
$(OPTIMUM_VENV)/.installed: pyproject.toml requirements/optimum.txt
	$(PYTHON) -m venv $(OPTIMUM_VENV)
	$(OPTIMUM_VENV)/bin/pip install --quiet --disable-pip-version-check -c requirements/optimum.txt -e ".[toolchain,optimum,dev]"
	touch $@

test-optimum: $(OPTIMUM_VENV)/.installed
	COMPACTOR_OPTIMUM_PYTHON=$(CURDIR)/$(OPTIMUM_VENV)/bin/python $(OPTIMUM_VENV)/bin/pytest --slow tests/exporting tests/bundle

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) $(OPTIMUM_VENV) build dist .pytest_cache .mypy_cache .ruff_cache
