# One machine, one command. Needs make and Python 3.11 or later; everything else comes into .venv.
#
# Every long-running recipe ends in `exec`, so that the program itself is make's child: a signal to make, or
# Ctrl-C, reaches it directly, and make has nothing to complain about when it ends.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test test-shuffled coverage mutation lint format bench chaos lock audit clean clean-venv

PYTHON := .venv/bin/python
ARGS ?=

# `install NAME`: .venv holds exactly what requirements/NAME.txt locks, and this project in place. The checksum of the installed file is
# kept in .venv, so an unchanged lock costs nothing. dev.txt contains local.txt.
define install
	@set -eu; name=$(1); \
	wanted=$$(cat requirements/$$name.txt pyproject.toml | cksum); \
	for kept in .venv/.installed-$$name .venv/.installed-dev; do \
	  base=$${kept#.venv/.installed-}; \
	  if [ -f $$kept ] && [ "$$(cat $$kept)" = "$$(cat requirements/$$base.txt pyproject.toml | cksum)" ] \
	     && $(PYTHON) -c '' 2>/dev/null; then exit 0; fi; \
	done; \
	if ! $(PYTHON) -c '' 2>/dev/null; then \
	  for python in python3 python3.12 python3.11 python3.13 python3.14; do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then break; fi; \
	    python=; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "Python 3.11 or later is needed; python3 here is: $$(command -v python3 >/dev/null && python3 --version 2>&1 || echo missing)." >&2; \
	    exit 1; \
	  fi; \
	  echo "Making .venv with $$($$python --version) ..."; \
	  rm -rf .venv; \
	  $$python -m venv .venv || { rm -rf .venv; \
	    echo "The module venv is incomplete here (Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }; \
	fi; \
	echo "Installing requirements/$$name.txt ..."; \
	$(PYTHON) -m pip install --quiet --quiet --disable-pip-version-check --no-input --progress-bar off \
	  --no-warn-script-location --require-hashes --requirement requirements/$$name.txt; \
	$(PYTHON) -m pip install --quiet --quiet --disable-pip-version-check --no-input \
	  --no-deps --no-build-isolation --no-index --editable .; \
	echo "$$wanted" > .venv/.installed-$$name
endef

help: ## what can be made
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

run: ## the whole product on this machine, until Ctrl-C (PORT=, FLOWER_PORT=, SANDBOX_PORT=, VAR_DIR=)
	$(call install,local)
	@exec $(PYTHON) -m sandbox.run $(ARGS)

test: ## all tests, with a PostgreSQL and a Redis of their own (ARGS="-k name")
	$(call install,dev)
	@exec $(PYTHON) -m pytest --numprocesses auto --dist loadfile $(ARGS)

test-shuffled: ## all tests in another order each time (ARGS="--randomly-seed=7" for one that was printed)
	$(call install,dev)
	@exec $(PYTHON) -m pytest --numprocesses auto --dist loadfile -p randomly --randomly-dont-reset-seed $(ARGS)

coverage: ## all tests, and which branches of the product they do not take (ARGS="tests/api")
	$(call install,dev)
	@rm -rf var/coverage && mkdir -p var/coverage
	@$(PYTHON) -m coverage run -m pytest --numprocesses auto --dist loadfile $(ARGS)
	@$(PYTHON) -m coverage combine --quiet
	@exec $(PYTHON) -m coverage report

mutation: ## whether the tests notice changes of the clock and the outcome tables; in a copy (ARGS="models.clock.tz*")
	$(call install,dev)
	@mkdir -p var/mutation
	@tar --exclude=./.git --exclude=./.venv --exclude='./var*' -cf - . | tar -C var/mutation -xf -
	@cd var/mutation && ../../.venv/bin/mutmut run $(ARGS) && ../../.venv/bin/mutmut results
	@exec $(PYTHON) -m tests.mutation.edges

lint: ## style, formatting and types
	$(call install,dev)
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@exec $(PYTHON) -m mypy

format: ## put the code into its form
	$(call install,dev)
	@$(PYTHON) -m ruff check --fix-only --quiet .
	@exec $(PYTHON) -m ruff format .

bench: ## measure; results go to bench/results (ARGS="...")
	$(call install,dev)
	@exec $(PYTHON) -m bench $(ARGS)

chaos: ## kill everything under load and count what is lost (ARGS="--minutes 2 --seed 7")
	$(call install,dev)
	@exec $(PYTHON) -m chaos $(ARGS)

lock: ## renew requirements/*.txt from pyproject.toml (needs uv; ARGS=--upgrade takes newer versions)
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }
	@set -e; compile() { out=$$1; shift; \
	  uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-annotate $(ARGS) "$$@" --output-file requirements/$$out; }; \
	compile production.txt; \
	compile local.txt --group local; \
	compile dev.txt --group local --group dev

audit: ## known vulnerabilities of what production installs (needs pip-audit, and the network it asks)
	@command -v pip-audit >/dev/null || { echo "make audit needs pip-audit: pipx install pip-audit" >&2; exit 1; }
	@report=$$(mktemp); trap 'rm -f "$$report"' EXIT; status=0; \
	pip-audit --require-hashes --disable-pip --strict --progress-spinner off \
	  --requirement requirements/production.txt --format json --output "$$report" || status=$$?; \
	if [ ! -s "$$report" ]; then \
	  echo "The audit was not done: pip-audit could not ask its advisory service. Nothing was learned about the packages." >&2; \
	  exit 1; \
	fi; \
	if [ $$status -ne 0 ]; then \
	  cat "$$report"; echo "Vulnerabilities are known of what production installs: see above." >&2; exit 1; \
	fi; \
	echo "No vulnerability is known of what production installs."

clean: ## remove caches; data (var/) and .venv stay
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -path ./.venv -prune -o -path ./var -prune -o -name __pycache__ -type d -exec rm -rf {} +

clean-venv: clean ## remove .venv too
	@rm -rf .venv
