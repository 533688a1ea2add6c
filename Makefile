# make run    train the default on real digits (once) and print where the report is
# make test   every check: format, lint, types, tests
# make test-slow   the tests marked slow (minutes)
# make test-oracles   compare with TensorFlow, JAX and other libraries' metrics; installs them
# make lint / make format
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN_OUT ?= runs/digits
EXTRAS := metrics,compare,photos,avatars,tiff,baselines,onnx

.PHONY: run test test-slow test-oracles lint format clean
run: $(VENV)/.installed
	$(BIN)/nablagan train --out $(RUN_OUT)

test: lint
	$(BIN)/python -m pytest -q

test-slow: $(VENV)/.installed-test
	$(BIN)/python -m pytest -q -m slow

test-oracles: $(VENV)/.installed-oracles
	$(BIN)/python -m pytest -q -m oracle

lint: $(VENV)/.installed-test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

format: $(VENV)/.installed-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nablagan needs Python 3.11 or newer; set PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[metrics,compare]'
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,lint,tensorboard,$(EXTRAS)]'
	touch $@

$(VENV)/.installed-oracles: $(VENV)/.installed-test
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,lint,tensorboard,$(EXTRAS),oracles]'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps torch-fidelity  # the first asks for torchvision
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache build dist
