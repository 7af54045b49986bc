# make demo   dreams two seconds of Big Buck Bunny into demo.mp4 and demo.png
# make test   runs the tests
# make check  runs the linters and the type checker
#
# Each makes .venv when it is missing. PYTHON names the interpreter (3.11 or later), and pip's own
# variables work: PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu avoids the CUDA packages.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := sample:bunny -t 2 --work-height 270 -y

.PHONY: demo test check clean
.DELETE_ON_ERROR:

demo: $(VENV)/.samples
	$(BIN)/ldfilter $(DEMO) demo.mp4
	$(BIN)/ldfilter $(DEMO) -t 0.04 -an --compare demo.png

test: $(VENV)/.dev
	$(BIN)/python -m pytest

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) demo.mp4 demo.png

# Stamps, so that an installation happens once; again when the requirements change.
$(VENV)/.samples: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check --editable '.[samples]'
	touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/.samples

$(BIN)/python:
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	echo "On Debian and Ubuntu, venv needs: apt install python3-venv" >&2; exit 1; }
