# Every target sets up what it needs: only Python 3.10 or newer and make are presumed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
WORKERS ?= 2

.PHONY: demo test test-slow test-torch test-runtimes test-web test-docs docs lint format benchmarks clean

demo: $(VENV)/.installed
	$(BIN)/keras-inception demo $(ARGS)

# WORKERS=0 runs the tests in one process, and shows what they print (ARGS=-s).
test: $(VENV)/.installed
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

test-slow: $(VENV)/.installed
	$(BIN)/python -m pytest -m "slow" $(ARGS)

test-torch: $(VENV)/.installed-torch
	$(BIN)/python -m pytest -m "torch" $(ARGS)

test-runtimes: $(VENV)/.installed-runtimes
	$(BIN)/python -m pytest -m "runtimes" $(ARGS)

# Needs npm and Chromium.
test-web: $(VENV)/.installed
	npm install --prefix examples/web --no-audit --no-fund --no-package-lock
	$(BIN)/python -m pytest -m "web" $(ARGS)

# Builds the site anew, follows its links, and looks at each page in Chromium.
test-docs: $(VENV)/.installed-docs
	$(BIN)/python -m pytest -m "docs" $(ARGS)

# The site, to build/docs/index.html. SPHINX=-E reads all pages anew.
docs: $(VENV)/.installed-docs
	$(BIN)/sphinx-build -W -n --keep-going -q $(SPHINX) docs build/docs

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmarks: $(VENV)/.installed
	$(BIN)/python benchmarks/build_time.py
	$(BIN)/python benchmarks/load_time.py
	$(BIN)/python benchmarks/crops.py
	$(BIN)/python benchmarks/input_pipeline.py
	$(BIN)/python benchmarks/training_step.py
	$(BIN)/python benchmarks/forms.py --folder=build/forms --write
	$(BIN)/python benchmarks/forms.py --folder=build/forms

$(VENV)/.installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[demo,test]"
	touch $@

$(VENV)/.installed-torch: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[test-torch]"
	touch $@

$(VENV)/.installed-runtimes: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[mobile,runtimes,serving]"
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[docs]"
	touch $@

clean:
	rm -rf $(VENV) build dist docs/_generated *.egg-info
