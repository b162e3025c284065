# make demo    everything once, on generated words        make test   the tests
# make install only the packages                          make lint   style
# make clean   remove what demo and tests made            GPU=yes|no  force TensorFlow with or without CUDA libraries

PYTHON ?= python3
GPU ?= auto
BIN := .venv/bin
MARK := demo/.made-by-make-demo
TENSORFLOW := $(shell if [ "$(GPU)" = yes ] || { [ "$(GPU)" = auto ] && nvidia-smi -L >/dev/null 2>&1; }; \
	then echo "tensorflow[and-cuda]"; else echo tensorflow; fi)

.PHONY: demo test install lint clean

demo: install
	$(BIN)/python demo.py

test: install
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

install: .venv/installed-$(TENSORFLOW)

.venv/installed-$(TENSORFLOW): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	{ echo "Python 3.11, 3.12 or 3.13 is needed; $(PYTHON) is `$(PYTHON) --version`. Use: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.txt -r requirements-dev.txt "$(TENSORFLOW)"
	@rm -f .venv/installed-*
	@touch "$@"

clean:
	@if [ -e demo ] && { [ ! -s $(MARK) ] || [ -n "$$(find demo -type f -cnewer $(MARK))" ]; }; \
	then echo "demo/ holds files that make demo did not make: it stays."; else rm -rf demo; fi
	rm -rf .image_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
