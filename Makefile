# Every target works from a fresh checkout with only Python >= 3.11 and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# uv takes a seventh of pip's time. Where there is none, or packages come from where only pip was told, pip does it.
install = $(BIN)/uv pip install --quiet --compile-bytecode --python $(1) $(2) \
	|| { $(1) -m ensurepip >/dev/null && $(1) -m pip $(quiet) install $(2); }
uv := --only-binary :all: --require-hashes -r requirements/install.txt
quiet := --disable-pip-version-check --quiet
PORT   ?= 8000
# Tests wait for what they started half of the time: half as many processes again as there are cores.
TESTERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) \* 3 / 2)
HOST   ?= 127.0.0.1

.DEFAULT_GOAL := help
.PHONY: help install run test proof screenshots chromium check fmt bench trust lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

install: $(VENV)/.run ## make .venv with the filmer command in it

run: install ## serve the demo shop (PORT=8000) and say what to try
	@exec $(BIN)/filmer serve --demo --host $(HOST) --port $(PORT)

# What starts Python over and over should not compile everything each time.
unexport PYTHONDONTWRITEBYTECODE

PARALLEL := -n $(TESTERS) --dist loadfile --no-loadscope-reorder

test: $(VENV)/.dev chromium ## run all tests but the proofs, in parallel and in random order (ARGS="tests/shop -k cart")
	@$(BIN)/python -m pytest -m "not proof" $(PARALLEL) $(ARGS)

# First what may run beside others, then the rest, one after another. 5: none of those that ARGS names is among them.
proof: $(VENV)/.dev chromium ## prove the promises at small figures: leave the machine alone
	@failed=0; \
	$(BIN)/python -m pytest -m "proof and parallel" $(PARALLEL) $(ARGS) || [ $$? = 5 ] || failed=1; \
	$(BIN)/python -m pytest -m "proof and not parallel" $(ARGS) || [ $$? = 5 ] || failed=1; \
	exit $$failed

screenshots: $(VENV)/.dev chromium ## draw every page into screenshots/, light and dark, wide and phone (ARGS="film cart")
	@$(BIN)/python -m tests.browser.screenshots $(ARGS)

# No stamp: it looks whether a browser is there. Where none can be brought in it says so, and the tests go on.
chromium: $(VENV)/.dev
	@$(BIN)/python -m tests.browser.install_chromium

check: $(VENV)/.dev ## format, lint and types, changing nothing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

fmt: $(VENV)/.dev ## format the code and mend what can be mended by itself
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: $(VENV)/.bench $(VENV)/.oscar ## measure against references in the same run (SCALE=full: the size of IMDb)
	@$(BIN)/python -m bench $(ARGS)

trust: $(VENV)/.bench chromium ## prove the promises at their full figures, and print the table
	@$(BIN)/python -m bench.trust $(ARGS)

lock: $(VENV)/.dev ## pin the dependencies of pyproject.toml anew
	@$(call install,$(BIN)/python,--require-hashes -r requirements/install.txt)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate --group install -o requirements/install.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate pyproject.toml -o requirements/run.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate --group dev pyproject.toml -c requirements/run.txt -o requirements/dev.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate --group dev --group bench pyproject.toml -c requirements/dev.txt \
		-o requirements/bench.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-emit-find-links --no-header --no-annotate --group oscar -c requirements/bench.txt -o requirements/oscar.txt

clean: ## remove what was installed and built (never your data)
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis bench/out screenshots dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "filmer needs Python 3.11 or newer; name it: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "making $(VENV) ..."
	@if $(PYTHON) -m pip --version >/dev/null 2>&1; then \
		$(PYTHON) -m venv --without-pip $(VENV) && $(PYTHON) -m pip --python $(BIN)/python $(quiet) install $(uv); \
	else \
		$(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip $(quiet) install $(uv); \
	fi || test -x $(BIN)/python

# The stamp is touched last: an installation that was interrupted is taken up again.
$(VENV)/.run: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "installing what filmer runs on ..."
	@$(call install,$(BIN)/python,--require-hashes -r $<)
	@$(call install,$(BIN)/python,--no-deps --no-build-isolation --editable .)
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "installing what the tests need ..."
	@$(call install,$(BIN)/python,--require-hashes -r $<)
	@touch $@

$(VENV)/.bench: requirements/bench.txt $(VENV)/.dev
	@echo "installing what is measured with ..."
	@$(call install,$(BIN)/python,--require-hashes -r $<)
	@touch $@

# In an environment of its own, as filmer and django-oscar need not agree on versions.
$(VENV)/.oscar: requirements/oscar.txt | $(BIN)/python
	@echo "installing django-oscar, to compare with ..."
	@$(BIN)/python -m venv --without-pip $(VENV)/oscar
	@$(call install,$(VENV)/oscar/bin/python,--require-hashes -r $<)
	@touch $@
