# The commands in the README. `make help` lists them.

MODEL ?= qwen2.5-coder-0.5b
PREFIX ?= $(HOME)/.local
# Number of cases that `make eval` runs per set, and per set with other open files.
EVAL_LIMIT ?= 24
OTHERS_LIMIT ?= 8
# How many places of each kind `make oracle` cuts out of each file.
ORACLE_LIMIT ?= 10
MDBOOK := 0.5.4
# Duration of each fuzz target in `make test`, and in `make fuzz`.
FUZZ_SECONDS ?= 10
FUZZ_LONG_SECONDS ?= 1800
SOAK_MINUTES ?= 10
VENV := .venv
BIN := $(VENV)/bin
FORETELL := target/release/foretell
# Installs only from lock files, and checks the hashes.
PIP_LOCKED := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes

.PHONY: help model build demo picture focus test test-long targets test-programs fetched test-remote test-remote-or-skip lint lint-rust lint-python bench eval oracle fuzz soak supply-chain install dist packages book locks docs-generated clean prerequisites

help: ## List these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

model: $(VENV)/installed ## Fetch and import the model and the runtime library (once)
	@$(BIN)/foretell-models add $(MODEL)

build: prerequisites ## Build the server
	@cargo build --release --locked

demo: prerequisites ## Complete parts of a file next to its real text, then type into the real server
	@python3 docs/demo/prepare.py target/demo.log $(MAKE) --no-print-directory -j2 model build
	@$(BIN)/python docs/demo/demo.py $(FORETELL)

# Needs the model; the recording names the machine.
picture: $(VENV)/dev-installed model build ## Record the README's picture on this machine
	@$(BIN)/python docs/demo/picture.py record $(FORETELL)
	@$(BIN)/python docs/demo/picture.py draw

# Disables telemetry in the ONNX Runtime of the model scripts, too.
export ORT_DISABLE_TELEMETRY := 1
export FUZZ_SECONDS

test: prerequisites ## Run all tests and lints; fetches the model and the tools they need
	@mkdir -p target && echo "fetching test dependencies while building the server (log: target/fetched.log)"
	@$(MAKE) --no-print-directory -j2 test-programs fetched
	@$(MAKE) --no-print-directory lint-python supply-chain model
	@cargo test --release --locked
	@$(BIN)/python -m pytest -q model-scripts/tests
	@cd tests/eval && ../../$(BIN)/python -m pytest -q -p no:cacheprovider .
	@cd packaging && ../$(BIN)/python -m pytest -q -rs -p no:cacheprovider .
	@$(MAKE) --no-print-directory test-remote-or-skip
	@$(MAKE) --no-print-directory test-editors-or-skip
	@$(MAKE) --no-print-directory test-webgpu-or-skip
	@cd tests/docs && ../../$(BIN)/python -m pytest -q -rs -p no:cacheprovider .

# Takes hours; run by hand.
focus: model build ## Measure the first suggestion at a prefilled place, and the cost of prefilling
	@cargo build --release --locked --quiet --example sessions
	@target/release/examples/sessions focus $(FORETELL) $(wildcard tests/fixtures/code/*)

test-long: soak fuzz typing latency targets ## Run the long tests: soak, fuzzers, typing and latency in editors, all reference prompts, a million random sessions, the full evaluation
	@REFERENCE_PROMPTS=all $(BIN)/python -m pytest -q model-scripts/tests/test_reference.py
	@PROPTEST_CASES=1000000 cargo test --release --locked -p foretell-session random_events
	@$(MAKE) --no-print-directory eval EVAL_LIMIT=1000 OTHERS_LIMIT=1000

# These two run in parallel: one is bound by the CPU, the other by the network. A failed download is
# reported by the test that needs it.
test-programs: lint-rust
	@MAKEFLAGS= cargo test --release --locked --no-run

fetched:
	@MAKEFLAGS= $(MAKE) --no-print-directory -k $(VENV)/dev-installed model editors $(WEBGPU)/installed >target/fetched.log 2>&1 || true

# Each target is compared in a process of its own, which frees its memory before the next one.
TARGETS := target/targets
targets: model ## Compare the default model's graphs for Core ML and MLX with those for the CPU, on the CPU (8 GB of disk)
	@$(BIN)/foretell-models fetch $(MODEL) >/dev/null
	@for it in coreml-fp32 coreml-fp16 mlx-int8; do \
	for bundle in $$(test $$it = mlx-int8 && echo cpu-int8 || echo cpu-fp32) $$it; do test -e $(TARGETS)/$$bundle/foretell.json || \
	$(BIN)/foretell-models import "$$($(BIN)/foretell-models path)"/sources/$(MODEL)/*.gguf --out $(TARGETS)/$$bundle --target $${bundle%-*} --quantization $${bundle#*-} || exit 1; done; \
	FORETELL_TARGETS=$(CURDIR)/$(TARGETS) cargo test --release --locked --quiet --test real default_model_agrees_on_$$(echo $$it | tr - _) -- --ignored || exit 1; done

test-remote: $(VENV)/remote-installed build ## Test the remote engine against a llama.cpp server
	@cd tests/remote && ../../$(BIN)/python -m pytest -q -p no:cacheprovider --timeout 900 .

test-remote-or-skip:
	@if $(MAKE) --no-print-directory -s $(VENV)/remote-installed 2>$(VENV)/remote.log; then $(MAKE) --no-print-directory test-remote; \
	else echo "SKIPPED: llama.cpp's server: $$(tail -n 1 $(VENV)/remote.log)"; fi

lint: lint-rust lint-python ## Check formatting, lints and types

lint-rust: prerequisites
	@cargo fmt --check
	@MAKEFLAGS= cargo clippy --release --locked --all-targets -- -D warnings

lint-python: $(VENV)/dev-installed prerequisites
	@$(BIN)/ruff check model-scripts tests/eval tests/oracle/*.py tests/docs docs
	@$(BIN)/ruff format --check model-scripts tests/eval tests/oracle/*.py tests/docs docs
	@$(BIN)/ruff check --config model-scripts/pyproject.toml packaging tests/remote
	@$(BIN)/ruff format --config model-scripts/pyproject.toml --check packaging tests/remote
	@cd model-scripts && ../$(BIN)/mypy --strict foretell_models
	@cd packaging && MYPYPATH=../model-scripts ../$(BIN)/mypy --config-file ../model-scripts/pyproject.toml --strict .
	@cd tests/docs && MYPYPATH=../../docs:../../docs/demo ../../$(BIN)/mypy --strict .
	@cd docs/demo && ../../$(BIN)/mypy --strict .
	@$(BIN)/python packaging/third_party.py --check

bench: model build ## Benchmark the engine, the server, and a session at 80 words per minute
	@cargo build --release --locked --quiet --example sessions
	@$(FORETELL) bench server
	@target/release/examples/sessions paced $(FORETELL) tests/fixtures/code/session.rs $$(sed -n '/pub fn configure/=' tests/fixtures/code/session.rs) 15 80
	@$(FORETELL) bench engine

eval: model build ## Measure suggestion quality on cases and replays, compared with raw model output
	@$(FORETELL) eval --compare --ablate --limit $(EVAL_LIMIT) --keys 60 \
		--cases tests/eval/cases-*.jsonl tests/eval/negatives-*.jsonl tests/eval/replays.jsonl
	@printf '\n== with and without snippets from other open files\n\n'
	@$(FORETELL) eval --others --limit $(OTHERS_LIMIT) --cases tests/eval/others-*.jsonl

oracle: build ## Measure how often the policy damages a correct text, on files from many packages
	@python3 tests/oracle/make_set.py full target/oracle/files
	@$(FORETELL) eval --oracle target/oracle/files --limit $(ORACLE_LIMIT)

fuzz: prerequisites ## Fuzz for inputs that violate an invariant, half an hour per target
	@tests/fuzz/run.sh $(FUZZ_LONG_SECONDS)

soak: model build ## Replay a day of editing in ten minutes; watch memory, handles and threads
	@cargo build --release --locked --quiet --example sessions
	@target/release/examples/sessions soak $(FORETELL) $(SOAK_MINUTES) $(addprefix tests/fixtures/code/,session.rs server.rs prompt.rs random_sessions.rs)

supply-chain: $(VENV)/dev-installed prerequisites ## Check dependencies: licences, sources, and known vulnerabilities if online
	@tests/supply_chain.sh $(BIN)

install: model build ## Install binary, manual and completions below PREFIX (default ~/.local), library and model in the data folder
	@install -d "$(PREFIX)/bin" "$(PREFIX)/share/bash-completion/completions" "$(PREFIX)/share/zsh/site-functions" "$(PREFIX)/share/fish/vendor_completions.d"
	@install -m 755 $(FORETELL) "$(PREFIX)/bin/foretell"
	@$(FORETELL) man "$(PREFIX)/share/man/man1"
	@$(FORETELL) completions bash >"$(PREFIX)/share/bash-completion/completions/foretell"
	@$(FORETELL) completions zsh >"$(PREFIX)/share/zsh/site-functions/_foretell"
	@$(FORETELL) completions fish >"$(PREFIX)/share/fish/vendor_completions.d/foretell.fish"
	@echo "installed $(PREFIX)/bin/foretell"
	@PATH="$(PREFIX)/bin:$$PATH" "$(PREFIX)/bin/foretell" doctor

dist: prerequisites ## Make the release packages in target/packages: wheel, tarball, Debian package, VS Code extensions
	@cargo build --profile dist --locked
	@$(MAKE) --no-print-directory packages

# From a built program. A release sets REPOSITORY, which the links of the descriptions then lead to.
packages: BINARY := target/dist/foretell
packages: $(VENV)/dev-installed
	@$(BIN)/python packaging/dist.py --binary $(BINARY) --out target/packages --repository "$(REPOSITORY)"
	@$(MAKE) --no-print-directory -s vsix-platform BINARY=$(BINARY)
	@cp $(EDITORS)/*.vsix target/packages/ && ls target/packages/*.vsix

book: $(VENV)/dev-installed prerequisites ## Build the documentation as a book in target/book (first builds mdBook, a few minutes)
	@test -x target/mdbook/bin/mdbook || { echo "building mdBook $(MDBOOK)"; cargo install --quiet --locked --no-default-features --features search --root target/mdbook --version $(MDBOOK) mdbook; }
	@target/mdbook/bin/mdbook build docs
	@find target/book \( -name '*.py' -o -name '*.toml' -o -name '*.rs' -o -name '*.json' \) -delete
	@cd tests/docs && ../../$(BIN)/python -m pytest -q -p no:cacheprovider test_links.py

locks: $(VENV)/installed ## Regenerate the Python lock files, with hashes, from pyproject.toml and the .in files
	@tests/lock_python.sh $(BIN)

docs-generated: $(VENV)/dev-installed build ## Regenerate the settings and third-party pages, pictures and plots, and the extension's settings
	@UPDATE_EXPECT=1 cargo test --release --locked --quiet -p foretell-config reference
	@$(BIN)/python packaging/third_party.py
	@$(BIN)/python docs/demo/picture.py draw
	@$(BIN)/python docs/plots.py
	@$(MAKE) --no-print-directory editors-settings

clean: ## Remove build outputs; the model stays in the data folder
	@rm -rf target $(VENV)

prerequisites:
	@command -v cargo >/dev/null || { echo "Rust is missing: https://rustup.rs, or on Debian 'apt install rustup', Fedora 'dnf install rustup', macOS 'brew install rustup'; then 'rustup default stable'"; exit 1; }
	@rustc --version | awk '{ split($$2, v, "."); exit !(v[1] > 1 || v[2] >= 92) }' || { echo "Rust 1.92 or later is required, found $$(rustc --version): 'rustup update'"; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is missing: on Debian 'apt install gcc', Fedora 'dnf install gcc', macOS 'xcode-select --install'"; exit 1; }

$(VENV)/installed: model-scripts/requirements.lock model-scripts/requirements-build.lock model-scripts/pyproject.toml
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Python 3.11 or later is missing: on Debian 'apt install python3 python3-venv', Fedora 'dnf install python3', macOS 'brew install python'"; exit 1; }
	@test -x $(BIN)/pip || python3 -m venv $(VENV) || { echo "the venv module is missing: on Debian 'apt install python3-venv', Fedora 'dnf install python3', macOS 'brew install python'"; exit 1; }
	@echo "installing the model scripts into $(VENV)"
	@$(PIP_LOCKED) -r model-scripts/requirements-build.lock -r model-scripts/requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e model-scripts
	@touch $@

$(VENV)/remote-installed: $(VENV)/installed tests/remote/requirements.lock
	@$(PIP_LOCKED) -r tests/remote/requirements.lock
	@touch $@

$(VENV)/dev-installed: $(VENV)/installed model-scripts/requirements-dev.lock
	@$(PIP_LOCKED) -r model-scripts/requirements-dev.lock
	@touch $@

include editors/editors.mk
include tests/gpu/gpu.mk
