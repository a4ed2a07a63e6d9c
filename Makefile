# `make` lists what there is. `make demo` and `make test` do all their set-up by themselves.
.DEFAULT_GOAL := help
SHELL := /bin/bash -o pipefail

# The newest Python from 3.11 on; PYTHON=… chooses another.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$name"; break; }; done)
REQUIRE_PYTHON = '$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || { \
	echo 'Python 3.11 or later is needed: install python3.11 and its venv module, or set PYTHON=/path/to/one.' >&2; exit 1; }
BIN := .venv/bin
STAGE ?= dev
# REGION and SAMPLE of the stage, or what is wrong with its settings.
OF_STAGE = of_stage=$$($(BIN)/python -m stacks.settings.shell '$(STAGE)') && eval "$$of_stage"
# jsii warns at length about Node 20, on which it works. It wants the major versions about which to be silent.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
export JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION := 20
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test test-fast check templates synth diff deploy destroy setup images reliability requirements settings-docs command-docs clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup  ## deploy to a local AWS, process 100 documents from zero instances, sleep, destroy (KEEP=1 leaves it up, QUICK=1 skips the wait for sleep, SPEED=n sets AWS's clock, IMAGE=name runs another serving image)
	@$(BIN)/python -m demo $(if $(KEEP),--keep) $(if $(QUICK),--no-sleep) $(if $(SPEED),--speed $(SPEED)) $(if $(IMAGE),--image $(IMAGE))

images: setup  ## draw the images of the README from one more demo (needs Chromium)
	@$(BIN)/python -m demo.images

# The figures come from the serving environment, which has no matplotlib; the drawing has it from the training's pins.
reliability: setup  ## draw what the confidence of the bundled model is worth, on 1,000 degraded receipts
	@mkdir -p build
	@cd model_artifacts/training && PYTHONPATH="$$(../../$(BIN)/python ../pack.py --packages)" ../../.venv-serving/bin/python \
		-W ignore evaluate.py --documents 1000 --damage mixed --fields ../../build/fields.jsonl
	@$(BIN)/uv run --quiet --no-project $$(sed -nE 's/^(matplotlib|numpy)==.*/--with &/p' model_artifacts/training/requirements.txt) \
		model_artifacts/training/diagram.py build/fields.jsonl docs/images/reliability.png

# Two workers, since most tests wait for processes or for AWS's clock, and more of those at work starve each other; and a
# third one for the serving checks, with low priority (tests/conftest.py).
PYTEST = $(BIN)/python -m pytest -n 3 --dist loadscope --no-loadscope-reorder --durations 30

test: setup .venv-checkov/.done .venv-clients/.done  ## everything that must be green before a change lands
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target check templates
	@$(PYTEST)

test-fast: .venv/.done node_modules/.done  ## the tests that need neither a deployed stage nor the serving environment
	@$(PYTEST) -m 'not end_to_end and not serving and not aws'

check: setup  ## linters, types, workflows and the rules of who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@PYTHONPATH=lambda $(BIN)/lint-imports
	@node .github/lint.mjs
	@$(BIN)/zizmor --offline --quiet .github/workflows

templates: .venv/.done node_modules/.done .venv-checkov/.done  ## the templates of every stage with every image through cdk-nag, cfn-lint and checkov
	@rm -rf build/templates build/templates.log build/checkov.log && mkdir -p build
	@$(BIN)/python -m tests.stacks.every_template build/templates 2> build/templates.log || { cat build/templates.log >&2; exit 1; }
	@$(BIN)/cfn-lint build/templates/*/*.template.json
	@.venv-checkov/bin/checkov --skip-download --framework cloudformation --compact --quiet --directory build/templates \
		> build/checkov.log 2>&1 || { cat build/checkov.log >&2; exit 1; }
	@echo "cfn-lint finds nothing; checkov: $$(sed -n '/^Passed checks/p' build/checkov.log)"

synth: .venv/.done node_modules/.done  ## the templates of a stage, without credentials (STAGE=dev)
	@npx cdk synth --quiet -c stage=$(STAGE)

ifdef BASE
diff: .venv/.done node_modules/.done  ## show what deploying a stage would change (STAGE=dev); with BASE=commit, what has changed in all stages since
	@$(BIN)/async-endpoint diff --base "$(BASE)" $(if $(MARKDOWN),--markdown)
else
diff: .venv/.done node_modules/.done
	@npx cdk diff --all -c stage=$(STAGE)
endif

# The CDK CLI asks before it widens permissions, and fails where there is no terminal: YES=1 approves in advance.
# The app is synthesised once: preflight checks exactly what is deployed.
deploy: .venv/.done node_modules/.done  ## check the account, deploy a stage, process a sample (STAGE=dev, YES=1 does not ask, SKIP_PREFLIGHT=1 does not check)
	@$(OF_STAGE) && work=$$(mktemp -d) && trap 'rm -rf "$$work"' EXIT && echo 'Synthesising stage $(STAGE)…' && \
	{ npx cdk synth --quiet --output "$$work/app" -c stage=$(STAGE) > "$$work/log" 2>&1 || { cat "$$work/log" >&2; exit 1; }; } && \
	$(if $(SKIP_PREFLIGHT),,{ $(BIN)/async-endpoint preflight --app "$$work/app" || { \
		echo 'Nothing was deployed: fix the errors above, or skip the checks with SKIP_PREFLIGHT=1.' >&2; exit 1; }; } &&) \
	$(BIN)/async-endpoint deploy --stage $(STAGE) $${SAMPLE:+--sample "$$SAMPLE"} --region "$$REGION" \
		-- npx cdk deploy --all --app "$$work/app" $(if $(YES),--require-approval never)

# The command reads YES from its environment.
destroy: .venv/.done  ## delete the stacks of a stage with all their contents, after a confirmation (STAGE=dev, YES=1 does not ask)
	@$(OF_STAGE) && $(BIN)/async-endpoint destroy --stage $(STAGE) --region "$$REGION"

setup: requirements .venv/.done node_modules/.done  ## install everything; quick when it is there
	@$(BIN)/async-endpoint local prepare > /dev/null
	@$(BIN)/python model_artifacts/pack.py --packages > /dev/null

settings-docs: .venv/.done  ## generate docs/settings.md, docs/images.md and config/settings.schema.json from stacks/
	@$(BIN)/python -m stacks.settings.reference

command-docs: .venv/.done  ## generate docs/command-line.md from the commands' help
	@$(BIN)/python -m async_endpoint.cli.reference > docs/command-line.md

requirements:
	@$(REQUIRE_PYTHON)
	@node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null || { echo 'Node 20 or later is needed for the CDK CLI (22 or 24 recommended): install nodejs and npm.' >&2; exit 1; }
	@command -v npm > /dev/null || { echo 'npm is needed for the CDK CLI: install it beside Node.' >&2; exit 1; }
	@PYTHONPATH=src $(PYTHON) -m async_endpoint.emulator.containers.requirements

.venv/.done: requirements.txt requirements-dev.txt constraints.txt pyproject.toml
	@echo 'Installing the Python packages into .venv (a minute or two, once).'
	@test -x $(BIN)/python || { $(REQUIRE_PYTHON); }
	@test -x $(BIN)/python || '$(PYTHON)' -m venv .venv
	@$(BIN)/pip install --quiet uv -c constraints.txt
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements-dev.txt -c constraints.txt
	@touch $@

.venv-checkov/.done: requirements-checkov.txt .venv/.done
	@echo 'Installing checkov into .venv-checkov.'
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-checkov
	@$(BIN)/uv pip install --quiet --no-deps --python .venv-checkov/bin/python -r requirements-checkov.txt
	@touch $@

.venv-clients/.done: requirements-clients.txt .venv/.done
	@echo 'Installing the AWS CLI and the SageMaker SDK into .venv-clients.'
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-clients
	@$(BIN)/uv pip install --quiet --no-deps --compile-bytecode --python .venv-clients/bin/python -r requirements-clients.txt
	@touch $@

node_modules/.done: package.json package-lock.json
	@echo 'Installing the CDK CLI into node_modules.'
	@npm ci --silent --no-audit --no-fund
	@touch $@

# What a user keeps in .local-aws is none of the targets' making.
clean:  ## stop the local AWSs and remove what the targets above made, but for the serving environments
	@test ! -x $(BIN)/async-endpoint || for folder in .local-aws .local-aws-demo; do \
		$(BIN)/async-endpoint local stop --state-dir $$folder || exit; done
	rm -rf .venv .venv-checkov .venv-clients node_modules cdk.out build demo-results .local-aws-demo .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis
