# The companion's commands. `make help` lists them.
SHELL := /bin/bash
PY := .venv/bin/python
PYTHON ?= python3
SETUP := $(PYTHON) bot/runtime/setup.py
export PYTHONWARNINGS := ignore
export RASA_TELEMETRY_ENABLED := false
export SQLALCHEMY_SILENCE_UBER_WARNING := 1
.DEFAULT_GOAL := help

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: run
run: setup widget ## set everything up and serve the companion (PORT=5005)
	@$(PY) -m bot.runtime.train
	@exec $(PY) -m bot.runtime.serve

.PHONY: cluster
cluster: setup widget ## two workers behind nginx on PostgreSQL, Redis and RabbitMQ (PORT=5005 DATABASE_URL= REDIS_URL= RABBITMQ_URL=)
	@$(PY) -m bot.runtime.train
	@exec $(PY) -m bot.runtime.cluster

.PHONY: cluster-switch
cluster-switch: train ## give the running cluster workers with the present model, without an error in between
	@$(PY) -m bot.runtime.cluster --switch

.PHONY: migrate
migrate: setup ## bring the databases to this version (each start does it too)
	@$(PY) -m bot.runtime.migrate

.PHONY: test
test: setup-dev lint types content ## everything CI runs: checks, unit tests, training, conversations over REST, browser
	@$(PYTHON) bot/runtime/widget.py --check
	$(PY) -m bot.runtime.rasa data validate --fail-on-warnings --data data/nlu data/stories
	$(PY) -m bot.runtime.train
	$(MAKE) --no-print-directory test-stories
	$(PY) -m pytest tests/unit tests/channels --ignore tests/channels/test_companion.py -n 2 -q
	$(PY) -m pytest tests/nlu tests/conversations tests/privacy tests/channels/test_companion.py tests/security
	$(PY) -m pytest tests/faults -q
	@$(PY) -m tests.audit
	@$(MAKE) --no-print-directory test-cluster
	@$(MAKE) --no-print-directory test-browser

.PHONY: faults
faults: setup-dev ## the fault matrix, beside a bare Rasa (ONLY=F6,F8 SEEDS=3 WHERE=embedded or cluster); takes an hour
	@$(PY) -m bot.runtime.train
	@$(PY) -W ignore -m tests.faults $(if $(ONLY),--only "$(ONLY)") $(if $(SEEDS),--seeds $(SEEDS)) $(if $(WHERE),--where $(WHERE))

.PHONY: load
load: setup-dev ## the load test, beside stock Rasa; goes on where it was broken off (ARGS="--again --seconds 30")
	@$(PY) -m bot.runtime.train
	@$(PY) -W ignore -m tests.load $(ARGS)

.PHONY: test-browser
test-browser: setup-dev ## the website widget in Chromium, which apt-get installs where it may
	@$(PY) -m tests.browser.chromium
	$(PY) -m pytest tests/browser -q

.PHONY: test-cluster
test-cluster: setup-dev ## the stores and a real cluster, as far as PostgreSQL, Redis, RabbitMQ and nginx are found
	$(PY) -m pytest tests/cluster -n 2 --dist loadfile -q

.PHONY: widget
widget: ## build the website widget from widget/ (Node 20; without it the built one is used)
	@$(PYTHON) bot/runtime/widget.py

.PHONY: widget-gate
widget-gate: setup-dev ## the widget's measures as a table: size, speed, axe, keyboard, speech, hostile text, disconnects
	@$(PY) -m tests.browser.gate

.PHONY: test-stories
test-stories: ## Rasa's own story tests (tests/test_*.yml) on the trained model
	@$(PY) -m bot.runtime.rasa test core --model models/il2.tar.gz --stories tests/test_stories.yml --out reports/stories \
	--no-plot --fail-on-prediction-errors > var/log/stories.log 2>&1 || { tail -n 30 var/log/stories.log; exit 1; }
	@echo "· story tests passed"

.PHONY: test-conversations
test-conversations: setup-dev ## the conversation files (ONLY=folder_or_name LIVE=http://127.0.0.1:5005)
	@$(PY) -m pytest tests/conversations/test_conversations.py -q $(if $(ONLY),-k "$(ONLY)") $(if $(LIVE),--live $(LIVE))

.PHONY: record
record: setup-dev ## turn a chat into a conversation file (NAME=folder/a_sentence LIVE=http://127.0.0.1:5005)
	@$(if $(LIVE),,$(PY) -m bot.runtime.train)
	@$(PY) -m tests.conversations.record $(NAME) $(if $(LIVE),--live $(LIVE))

.PHONY: fuzz
fuzz: setup-dev ## bad input to a running companion: 700 fixed cases twice and 10 000 generated ones (ARGS="--count 1000 --seed 2")
	@$(PY) -m bot.runtime.train
	@$(PY) -m tests.hostile $(ARGS)

.PHONY: evaluate
evaluate: setup-dev ## figures and every miss as reports/index.html and report.json (SET=heldout or dev)
	@$(PY) -m bot.runtime.train
	@$(PY) -m tests.nlu.report $(or $(SET),heldout)

.PHONY: compare
compare: setup-dev ## what changed between two reports (A=old.json B=new.json)
	@$(PY) -m tests.nlu.compare $(A) $(B)

.PHONY: mutants
mutants: setup-dev ## break the companion on purpose and see that the tests notice
	@$(PY) -m bot.runtime.train
	@$(PY) -m tests.mutants

.PHONY: bench
bench: setup-dev ## beside stock Rasa, TF-IDF and BM25 (ARGS="--share 0.15 --data DIR"); takes long
	@$(PY) -m tests.bench.setup
	@$(PY) -m tests.bench $(ARGS)

.PHONY: test-fast
test-fast: setup-dev lint ## style and tests that need no model, within a minute
	$(PY) -m pytest tests/unit tests/content -m "not model and not slow" -n 2 -q

.PHONY: test-py311 test-py312
test-py311 test-py312: test-py%: ## train and answer on the other Python
	@version=3.$(patsubst 3%,%,$*); $(SETUP) --dev --python $$version && \
	.venv-$$version/bin/python -m bot.runtime.train --models models/py$* && \
	IL2_MODELS=models/py$* .venv-$$version/bin/python -m pytest tests/conversations -m "model and not slow" -q

.PHONY: audit
audit: setup-dev ## known advisories: the written list against the lock, and the advisory service where it answers
	@$(PY) -m tests.audit

.PHONY: purge
purge: setup ## remove what is older than it may be kept (ARGS="--dry-run --days 30")
	@$(PY) -m bot.runtime.purge $(ARGS)

.PHONY: masking
masking: setup-dev ## how much of what tells who a patient is gets masked (ARGS=-v for every miss)
	@$(PY) -m tests.privacy.masking $(ARGS)

.PHONY: lint
lint: ## style and format
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

.PHONY: types
types: ## static types of bot/ and actions/
	@$(PY) -m mypy

.PHONY: content
content: ## the gates on questions and answers
	@$(PY) -m pytest tests/content -q

.PHONY: content-report
content-report: setup-dev ## write reports/content.html: every answer, ready to print for a clinical reviewer
	@$(PY) -m tests.content.report

.PHONY: format
format: setup-dev ## rewrite the code in the house style
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

.PHONY: train
train: setup ## train when something changed
	@$(PY) -m bot.runtime.train

.PHONY: chat
chat: train ## talk to the trained bot in the terminal
	@$(PY) -m bot.runtime.chat

.PHONY: about
about: train ## versions, sizes and memory of what is installed
	@$(PY) -m bot.runtime.about

.PHONY: check-credentials
check-credentials: setup ## which messaging channels are set up, and what is missing
	@$(PY) -m bot.runtime.check_credentials

.PHONY: encoder
encoder: setup ## make the sentence encoder's files

.PHONY: setup
setup:
	@$(SETUP)

.PHONY: setup-dev
setup-dev:
	@$(SETUP) --dev

.PHONY: clean
clean: ## remove what can be made again
	rm -rf .venv .venv-3.1* .tools models var reports widget/node_modules .rasa .mypy_cache .ruff_cache .pytest_cache
