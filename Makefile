# Every command of the project; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What `make install` put into .venv overrides what the machine has.
export PATH := $(CURDIR)/$(BIN):$(CURDIR)/node_modules/.bin:$(PATH)
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export PIPENV_VERBOSITY := -1
# Installed packages are compiled when they are imported, which is kept even where the shell says that nothing is.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/pycache
# What tools keep in a home that cannot be written to.
ifeq ($(shell test -w "$$HOME" || echo read-only),read-only)
export XDG_CACHE_HOME := $(CURDIR)/$(VENV)/cache
export CDKTF_HOME := $(XDG_CACHE_HOME)/cdktf
export npm_config_cache := $(XDG_CACHE_HOME)/npm
endif
# The folder of the synthesized stacks, and the file in which a saved plan goes to another machine.
OUTPUT ?= cdktf.out
PLAN_FILE ?= build/plan.enc
DEPLOY = python -m tools.deploy --output "$(OUTPUT)"
.DEFAULT_GOAL := help
.PHONY: help install up test test-fast mutants snapshots format synth plan apply pack unpack deploy destroy drift smoke comment sweep roles state unlock lock redrive rebuild bench simulate docs cost policy sbom audit clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(BIN)/.installed node_modules/.package-lock.json ## install what the project needs into .venv and node_modules

$(BIN)/.installed: Pipfile.lock tools/pipenv.txt tools/install.sh
	@sh tools/install.sh "$(PYTHON)"
	@touch $@

node_modules/.package-lock.json: package-lock.json | $(BIN)/.installed
	@echo "Installing the CDKTF command line"
	@npm ci --no-audit --no-fund --no-update-notifier --loglevel=error >/dev/null || { echo "Error: npm could not install the CDKTF command line; check the connection to the npm registry and run \`make install\` again."; exit 1; }
	@touch $@

up: install ## run everything on this machine: an embedded AWS, the deployed APIs (PORT=8080, PUBLIC_PORT=8081, PARTNERS_PORT=8082; APPLY=1: deploy edits of the stacks)
	@python -m local.up

# The largest groups of tests go first. Three processes for two cores, since deployments wait more than they work.
test: install ## prove the project: format, lint, types, unit and snapshot tests, a deployment from end to end
	@sh tools/check.sh -n 3 tests/e2e tests/unit tests/functional tests/snapshot

test-fast: install ## the same without the deployment and other slow tests
	@sh tools/check.sh -n 2 tests/unit tests/functional tests/snapshot -m "not slow" -p no:schemathesis -p no:anyio

mutants: install ## put faults into copies of the project, and fail if its tests do not find one (FAULT=part of its description)
	@python -m tools.mutants "$(FAULT)"

snapshots: install ## accept what is synthesized now as what the snapshot tests expect
	@python -m pytest -q tests/snapshot --snapshot-update

format: install ## format the code and fix what can be fixed
	@ruff format . && ruff check --fix .

synth: install ## synthesize the stacks of ENVIRONMENT_SUFFIX (dev) into OUTPUT (cdktf.out)
	@$(DEPLOY) synth

plan: install ## show what a deploy would change (STACK=one of them; SAVE=1: for `make apply`)
	@$(DEPLOY) plan $(if $(SAVE),--save) $(if $(STACK),--stack "$(STACK)")

apply: install ## apply the saved plan, and nothing else
	@$(DEPLOY) apply $(if $(STACK),--stack "$(STACK)")

pack: ## encrypt the saved plan with PLAN_KEY into PLAN_FILE (build/plan.enc), for another machine
	@sh tools/plan_archive.sh pack $(OUTPUT) $(PLAN_FILE)

unpack: ## take the saved plan out of PLAN_FILE
	@sh tools/plan_archive.sh unpack $(OUTPUT) $(PLAN_FILE)

deploy: install ## plan, ask and apply (STACK=one of them; APPROVE=1: without asking)
	@$(DEPLOY) deploy $(if $(APPROVE),--auto-approve) $(if $(STACK),--stack "$(STACK)")

destroy: install ## destroy the environment (APPROVE=1: without asking)
	@$(DEPLOY) destroy $(if $(APPROVE),--auto-approve)

drift: install ## fail if what is there differs from what was deployed (STACK=one of them)
	@$(DEPLOY) drift $(if $(STACK),--stack "$(STACK)")

smoke: install ## ask what was deployed whether it answers
	@python -m tools.smoke --output "$(OUTPUT)"

comment: install ## put the plan under the pull request PULL_REQUEST
	@python -m tools.comment

sweep: install ## destroy the previews of pull requests that are closed or have lost their label
	@python -m tools.previews

roles: install ## print the IAM roles with which the workflows plan and deploy (GITHUB_REPOSITORY=OWNER/NAME)
	@python -m tools.ci_roles $(if $(PROJECT),--project "$(PROJECT)")

state: install ## once an account and region: make the bucket of the Terraform states
	@$(DEPLOY) state $(if $(APPROVE),--auto-approve)

unlock: install ## release the state lock LOCK of a killed deploy, and import into the state what it had made
	@$(DEPLOY) unlock $(if $(LOCK),--lock "$(LOCK)")

lock: install ## fetch the checksums of Terraform's AWS provider for all platforms
	@$(DEPLOY) lock

redrive: install ## handle dead letters, and what partners sent that was no update, again (DRY_RUN=1: only show them)
	@python -m tools.redrive $(if $(DRY_RUN),--dry-run)

rebuild: install ## make the records of all shipments anew from their histories (UNITS=100 read units a second; DRY_RUN=1: only count)
	@python -m tools.rebuild $(if $(DRY_RUN),--dry-run) $(if $(UNITS),--units "$(UNITS)")

bench: install ## measure synth and the functions, each beside a baseline
	@python -m bench

simulate: install ## simulate the load of the status index, and write its results into docs/
	@python -m tools.simulation

docs: install ## write the descriptions of the APIs in docs/, the tables of docs/settings.md and the pictures of the page
	@python -m tools.openapi
	@python -m tools.partners_openapi
	@python -m tools.asyncapi
	@python -m tools.settings
	@python -m tools.screenshot

cost: install ## print what an environment costs, and write it into docs/
	@python -m tools.cost

policy: install ## check what is synthesized for prod (or ENVIRONMENT_SUFFIX) against checkov's rules
	@python -m tools.policy

sbom: install ## write the bill of materials (CycloneDX) of each Lambda package to build/sbom
	@python -m tools.sbom

audit: install ## look up the locked packages among the known vulnerabilities
	@python -m tools.audit

clean: ## delete what was built, but not what was installed
	@rm -rf build cdktf.out .local
