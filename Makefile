PYTHON ?= python3
VENV ?= .venv
SWEEP ?= supertokens
PROFILE ?= reports/profile

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install sweep profile rehearse test test-all lint gallery docs

help:
	@echo "make sweep     install into $(VENV), run sweeps/$(SWEEP).yaml, write its report"
	@echo "make profile   what teacher and students cost on this machine, into $(PROFILE)"
	@echo "make rehearse  the sweeps of the paper's size for a moment, on small files in the published formats"
	@echo "make test      install into $(VENV), run the tests (make test-all: the slow ones too)"
	@echo "make lint      ruff and mypy"
	@echo "make gallery   make the reports of reports/gallery again from the records in them"
	@echo "make docs      the documentation as a site, in site/"
	@echo "Variables: PYTHON=$(PYTHON) VENV=$(VENV) SWEEP=$(SWEEP) PROFILE=$(PROFILE)"

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

sweep: install
	$(BIN)/foundry-bench sweep sweeps/$(SWEEP).yaml
	$(BIN)/foundry-bench report runs/$(SWEEP)
	@echo "The report: $(CURDIR)/reports/$(SWEEP)/index.html"

profile: install
	$(BIN)/python benchmarks/profile_all.py --report $(PROFILE)
	@echo "The report: $(CURDIR)/$(PROFILE)/index.html"

rehearse: install
	$(BIN)/python benchmarks/rehearse.py

test: install
	$(BIN)/python -m pytest -m "not slow"

test-all: install
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

gallery: install
	$(BIN)/python reports/rebuild_gallery.py

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
