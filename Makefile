# The few commands that a person types. `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# What is compiled stays outside the clone, so that a fresh clone does not compile it again.
CACHE := $(or $(KONTOR_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/kontor)
export CARGO_TARGET_DIR ?= $(CACHE)/target
export npm_config_cache ?= $(CACHE)/npm
export PATH := $(CACHE)/tools/bin:$(HOME)/.cargo/bin:$(PATH)

WEB_SOURCES := $(shell find web -type f -not -path 'web/node_modules/*' -not -path 'web/dist/*' -not -path 'web/tests/*' 2>/dev/null)
WEB_TESTS := $(wildcard web/tests/*.test.mjs)

.PHONY: help setup setup-test web up build test fmt lint deny contract bench chaos e2e clean-data

help: ## Shows this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Installs what is missing to build and run
	@./scripts/setup.sh

setup-test:
	@./scripts/setup.sh --test

web: $(if $(wildcard web/package.json),web/dist/.built) ## Builds the pages' scripts and styles

web/node_modules/.installed: web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund --loglevel=error </dev/null
	@touch $@

web/dist/.built: web/node_modules/.installed $(WEB_SOURCES)
	cd web && npm run --silent build
	@mkdir -p web/dist && touch $@

up: setup ## Builds everything and runs it on this machine; Ctrl-C stops it
	@$(MAKE) --no-print-directory web
	cargo build --release --package kontor
	@exec "$(CARGO_TARGET_DIR)/release/kontor" up $(ARGS)

build: setup ## Builds the program with optimisation
	@$(MAKE) --no-print-directory web
	cargo build --release --package kontor
	@echo "Built $(CARGO_TARGET_DIR)/release/kontor"

# Ordered from the quickest answer to the slowest. cargo-deny leaves out `advisories`: they come from
# a database on the network, and a check that changes without a change here is no check.
test: setup-test ## Runs every check and every test
	cargo fmt --all --check
	@$(MAKE) --no-print-directory web
	cd web && npm run --silent check
	@$(MAKE) --no-print-directory deny
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items
	cargo test --workspace
	@$(MAKE) --no-print-directory chaos ARGS=--short KONTOR_CHAOS_ROUNDS=
	@$(MAKE) --no-print-directory e2e

deny: ## Checks layers, licences and sources of the dependencies
	cargo deny --workspace check bans licenses sources

fmt: ## Formats the code
	cargo fmt --all

lint: setup-test ## Runs the checks without the tests
	cargo fmt --all --check
	@$(MAKE) --no-print-directory web
	cd web && npm run --silent check
	@$(MAKE) --no-print-directory deny
	cargo clippy --workspace --all-targets -- -D warnings

contract: ## Writes the schemas and the AsyncAPI document of events into nats/
	cargo run --quiet --package kontor-contract --example write

e2e: setup-test web ## Runs the page and end-to-end tests in a headless browser
	cargo build --package kontor
ifneq ($(WEB_TESTS),)
	KONTOR_BIN="$(CARGO_TARGET_DIR)/debug/kontor" KONTOR_NATS_SERVER="$$(./scripts/nats-server-path.sh)" \
		node --test --test-reporter=spec --test-timeout=600000 $(WEB_TESTS)
endif

# Beside the ordinary program in the same folder: only what knows of fault points is built again.
chaos: setup-test ## Lets faults strike the real program and checks what is left; ARGS are passed on
	@$(MAKE) --no-print-directory web
	cargo build --package kontor --package kontor-chaos --features kontor/faults --bin kontor-faulty --bin kontor-chaos
	KONTOR_NATS_SERVER="$$(./scripts/nats-server-path.sh)" "$(CARGO_TARGET_DIR)/debug/kontor-chaos" \
		--binary "$(CARGO_TARGET_DIR)/debug/kontor-faulty" \
		$(if $(KONTOR_CHAOS_ROUNDS),--rounds $(KONTOR_CHAOS_ROUNDS)) $(ARGS)

bench: setup ## Measures Kontor against its peers, also into .kontor/bench.json; ARGS are passed on
	@$(MAKE) --no-print-directory web
	cargo build --release --package kontor --package kontor-bench
	@mkdir -p .kontor
	@exec "$(CARGO_TARGET_DIR)/release/kontor-bench" --json .kontor/bench.json \
		--kontor-binary "$(CARGO_TARGET_DIR)/release/kontor" $(ARGS)

clean-data: ## Deletes the private engines' data under .kontor (asks first)
	@./scripts/clean-data.sh
