# Everything lives under .venv: the project itself, and beside it the tools that insist on their own boto3.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
LOCKS := .ci/locks

.DEFAULT_GOAL := help
.PHONY: help demo test test-browser lint lock clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## / - /'

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "tonari needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make $(MAKECMDGOALS) PYTHON=python3.13"; exit 1; }
	@echo "setting up .venv (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCKS)/uv.txt

$(VENV)/.local: $(UV) $(LOCKS)/local.txt pyproject.toml tools/pyproject.toml
	@echo "installing tonari and what it needs"
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r $(LOCKS)/local.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable . --editable tools
	@touch $@

$(VENV)/.dev: $(VENV)/.local $(LOCKS)/dev.txt
	@echo "installing the tools of the tests"
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r $(LOCKS)/dev.txt
	@touch $@

# Of aws-sam-cli only the Lambda runtime emulator is wanted here, none of what the rest of it needs.
$(VENV)/.services: $(UV) $(LOCKS)/services.txt $(LOCKS)/emulator.txt
	@echo "installing a local AWS"
	@$(UV) venv --quiet --clear --python $(BIN)/python $(VENV)/services
	@$(UV) pip install --quiet --python $(VENV)/services/bin/python --require-hashes -r $(LOCKS)/services.txt
	@$(UV) pip install --quiet --python $(VENV)/services/bin/python --no-deps --require-hashes -r $(LOCKS)/emulator.txt
	@touch $@

$(VENV)/.template: $(UV) $(LOCKS)/template.txt
	@echo "installing aws-sam-cli"
	@$(UV) venv --quiet --clear --python $(BIN)/python $(VENV)/template
	@$(UV) pip install --quiet --python $(VENV)/template/bin/python --require-hashes -r $(LOCKS)/template.txt
	@touch $@

demo: $(VENV)/.local $(VENV)/.services ## a shop's index, served with a page on 127.0.0.1 (DIR=photos for your own, PORT=8787)
	@$(BIN)/tonari demo $(DIR) $(if $(PORT),--port $(PORT))

test: $(VENV)/.dev $(VENV)/.services $(VENV)/.template lint ## everything but the browser
	@$(BIN)/python -m pytest

test-browser: $(VENV)/.dev $(VENV)/.services ## the page in Chromium (Debian: apt-get install chromium chromium-driver)
	@$(BIN)/python -m pytest tests/browser

lint: $(VENV)/.dev ## style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy

lock: $(UV) ## pin every dependency again
	echo uv | $(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -o $(LOCKS)/uv.txt -
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -o $(LOCKS)/local.txt --no-emit-package tonari tools/pyproject.toml
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -c $(LOCKS)/local.txt --group dev -o $(LOCKS)/dev.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --group services -o $(LOCKS)/services.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --group template -o $(LOCKS)/template.txt
	sed -n '/^aws-sam-cli==/,/[^\\]$$/p' $(LOCKS)/template.txt > $(LOCKS)/emulator.txt
	$(UV) pip compile -q --generate-hashes --no-header --no-annotate --python-version 3.13 --python-platform x86_64-manylinux_2_28 -o layers/runtime/requirements.txt pyproject.toml

clean: ## forget everything that was installed or built
	rm -rf $(VENV) .tonari .aws-sam
