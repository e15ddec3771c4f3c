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
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCKS)/uv.txt

$(VENV)/.local: $(UV) $(LOCKS)/local.txt pyproject.toml
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r $(LOCKS)/local.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.local $(LOCKS)/dev.txt
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r $(LOCKS)/dev.txt
	@touch $@

$(VENV)/.services: $(UV) $(LOCKS)/services.txt
	@$(UV) venv --quiet --clear --python $(BIN)/python $(VENV)/services
	@$(UV) pip install --quiet --python $(VENV)/services/bin/python --require-hashes -r $(LOCKS)/services.txt
	@touch $@

$(VENV)/.template: $(UV) $(LOCKS)/template.txt
	@$(UV) venv --quiet --clear --python $(BIN)/python $(VENV)/template
	@$(UV) pip install --quiet --python $(VENV)/template/bin/python --require-hashes -r $(LOCKS)/template.txt
	@touch $@

lock: $(UV) ## pin every dependency again
	echo uv | $(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -o $(LOCKS)/uv.txt -
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --extra local -o $(LOCKS)/local.txt pyproject.toml
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -c $(LOCKS)/local.txt --group dev -o $(LOCKS)/dev.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --group services -o $(LOCKS)/services.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --group template -o $(LOCKS)/template.txt
	$(UV) pip compile -q --generate-hashes --no-header --no-annotate --python-version 3.13 --python-platform x86_64-manylinux_2_28 -o layers/runtime/requirements.txt pyproject.toml

clean: ## forget everything that was installed or built
	rm -rf $(VENV) .tonari .aws-sam
