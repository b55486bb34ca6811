# medassist: every command of the project. `make` lists them.
export RASA_TELEMETRY_ENABLED = false
export SQLALCHEMY_SILENCE_UBER_WARNING = 1
BIN = .venv/bin

help: ## list these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: ## make .venv with the locked packages (does nothing when up to date)
	@scripts/setup

setup-dev:
	@scripts/setup dev

run: setup ## set up, train if needed, and run everything on this machine
	@$(BIN)/medassist run

test: setup-dev ## set up what is missing and run the whole test suite
	@$(BIN)/medassist train
	@$(BIN)/pytest

eval: setup ## score the model on the labelled sets (EVAL_DIR=folder for more)
	@$(BIN)/medassist eval $(if $(EVAL_DIR),--dir $(EVAL_DIR))

check: setup-dev ## lint, types, the import contract, and the data
	@mkdir -p var
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/medassist answers check
	@$(BIN)/python -m medassist.dialogue.serve data validate --domain domain.yml \
		--data data/nlu data/rules --fail-on-warnings > var/validate.log 2>&1 \
		|| { tail -n 40 var/validate.log; exit 1; }

bench: setup-dev ## measure speed and size beside references, in one run (half an hour or more)
	@$(BIN)/uv pip install -q -p $(BIN)/python --require-hashes --no-deps -r requirements-bench.lock
	@$(BIN)/python benchmarks/triage_speed.py
	@$(BIN)/python -W ignore -m benchmarks.whole_bot --full-training

compare: setup-dev ## train and score other classifiers on one sample (EVAL_DIR=folder for more sets)
	@$(BIN)/python -W ignore -m benchmarks.classifiers $(if $(EVAL_DIR),--dir $(EVAL_DIR))

crowd: setup-dev ## hold 200 conversations on the website at once (three minutes and more)
	@$(BIN)/medassist train
	@$(BIN)/python -m benchmarks.crowd

load: setup-dev ## raise the number of people until it is too slow: 1, 2, 3 Rasa servers, and rasa init
	@$(BIN)/uv pip install -q -p $(BIN)/python --require-hashes --no-deps -r requirements-bench.lock
	@$(BIN)/medassist train
	@$(BIN)/python -W ignore -m load

hostile: setup-dev ## send 10,000 hostile messages by every channel, and 1,400 through the real bot
	@$(BIN)/medassist train
	@MEDASSIST_HOSTILE=10000 $(BIN)/pytest -s tests/security/test_hostile_messages.py tests/security/test_hostile_bot.py

fuzz: setup-dev ## send 150 requests of each kind to every address of the front door
	@MEDASSIST_FUZZ=150 $(BIN)/pytest tests/security/test_fuzzing.py

sbom: setup ## write docs/licences.md and reports/sbom.json, the bill of materials
	@$(BIN)/python scripts/sbom.py

faults: setup-dev ## kill, freeze and restart each part under load, and count what arrived (a quarter of an hour)
	@$(BIN)/medassist train
	@$(BIN)/python -m faults

docs: setup ## write the pages that are made from the data
	@$(BIN)/python -m medassist.triage.page > docs/danger-signs.md

lock: setup-dev ## pin the packages anew, with hashes
	@for set in requirements.in "-c requirements.lock requirements-dev.in" requirements-setup.in "--no-deps requirements-encoder.in"; do \
		out=$$(echo $$set | sed 's/.*\(requirements[a-z-]*\)\.in$$/\1.lock/'); \
		$(BIN)/uv pip compile -q --universal --python-version 3.10 --generate-hashes --no-annotate --no-header $$set -o $$out; done
	@$(BIN)/uv pip compile -q --python-version 3.10 --generate-hashes --no-annotate --no-header \
		-c requirements-dev.lock requirements-bench.in -o requirements-bench.lock

.PHONY: help setup setup-dev run test eval bench compare crowd faults load check hostile fuzz sbom docs lock
