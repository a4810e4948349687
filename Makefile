# The commands of the README. `make help` lists them.

MODEL ?= qwen2.5-coder-0.5b
PREFIX ?= $(HOME)/.local
# How long `make test` feeds each fuzz target, and `make fuzz`.
FUZZ_SECONDS ?= 10
FUZZ_LONG_SECONDS ?= 1800
SOAK_MINUTES ?= 10
# How many cases of each set `make eval` asks for.
EVAL_LIMIT ?= 30
VENV := .venv
BIN := $(VENV)/bin
FORETELL := target/release/foretell

.PHONY: help model build demo test lint bench eval fuzz soak supply-chain install clean prerequisites

help: ## List these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

model: $(VENV)/installed ## Fetch and import the model and the runtime library (once)
	@$(BIN)/foretell-models add $(MODEL)

build: prerequisites ## Build the server
	@cargo build --release --locked

demo: model build ## Complete a line in the terminal, then type into the real server
	@cargo build --release --locked --quiet --example typed_session
	@printf '\n== foretell complete: docs/demo/word_counts.rs, line 8\n\n'
	@$(FORETELL) complete docs/demo/word_counts.rs:8
	@printf '\n== foretell serve: two lines typed into a file that it has not read, a request a key\n\n'
	@target/release/examples/typed_session $(FORETELL) server/src/engine/scripted.rs 308 3

# The runtime that the model scripts use sends nothing either.
export ORT_DISABLE_TELEMETRY := 1
export FUZZ_SECONDS

test: lint supply-chain model ## Everything that is tested: needs the model, fetches what it needs
	@cargo test --release --locked
	@$(BIN)/python -m pytest -q model-scripts/tests
	@$(MAKE) --no-print-directory test-editors-or-skip

lint: $(VENV)/dev-installed prerequisites ## Formats, lints and types
	@cargo fmt --check
	@cargo clippy --release --locked --all-targets -- -D warnings
	@$(BIN)/ruff check model-scripts tests/eval
	@$(BIN)/ruff format --check model-scripts tests/eval
	@cd model-scripts && ../$(BIN)/mypy --strict foretell_models

bench: model build ## Measure the engine, the server, and a session at 80 words a minute
	@cargo build --release --locked --quiet --example paced_session
	@$(FORETELL) bench server
	@target/release/examples/paced_session $(FORETELL) server/src/session.rs $$(sed -n '/pub fn configure/=' server/src/session.rs) 15 80
	@$(FORETELL) bench engine

eval: model build ## Measure how good the texts are, beside the model's own, by cases and replays
	@$(FORETELL) eval --compare --ablate --limit $(EVAL_LIMIT) --keys 60 --cases tests/eval/*.jsonl

fuzz: prerequisites ## Let libFuzzer look for inputs that break a law, half an hour a target
	@tests/fuzz/run.sh $(FUZZ_LONG_SECONDS)

soak: model build ## A day at the editor without its pauses, in ten minutes: memory, handles, threads
	@cargo build --release --locked --quiet --example soak
	@target/release/examples/soak $(FORETELL) $(SOAK_MINUTES) server/src/session.rs server/src/server.rs server/src/prompt.rs tests/random_sessions.rs

supply-chain: $(VENV)/dev-installed prerequisites ## Licences and sources of what is built in; known holes, where their lists can be had
	@tests/supply_chain.sh $(BIN)

install: model build ## Put the binary into PREFIX/bin (default ~/.local)
	@install -d "$(PREFIX)/bin"
	@install -m 755 $(FORETELL) "$(PREFIX)/bin/foretell"
	@echo "installed $(PREFIX)/bin/foretell"
	@"$(PREFIX)/bin/foretell" doctor

clean: ## Remove what was built here; the model stays in the data folder
	@rm -rf target $(VENV)

prerequisites:
	@command -v cargo >/dev/null || { echo "Rust is missing: https://rustup.rs, or 'apt install rustup', 'dnf install rustup', 'brew install rustup'"; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is missing: 'apt install gcc', 'dnf install gcc', 'xcode-select --install'"; exit 1; }

$(VENV)/installed: model-scripts/requirements.lock model-scripts/pyproject.toml
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Python 3.11 or later is missing: 'apt install python3 python3-venv', 'dnf install python3', 'brew install python'"; exit 1; }
	@test -x $(BIN)/pip || python3 -m venv $(VENV) || { echo "the venv module is missing: 'apt install python3-venv'"; exit 1; }
	@echo "installing the model scripts into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -r model-scripts/requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e model-scripts
	@touch $@

$(VENV)/dev-installed: $(VENV)/installed model-scripts/requirements-dev.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check -r model-scripts/requirements-dev.lock
	@touch $@

include editors/editors.mk
