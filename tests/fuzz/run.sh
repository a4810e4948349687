#!/usr/bin/env bash
# Runs libFuzzer on the targets in turn, starting from the corpus and earlier findings in
# target/libfuzzer. Usage: run.sh SECONDS_EACH [TARGET...]
#
# The limit is CPU time, so a busy or suspended machine does not shorten a run. An input that hangs
# is abandoned after an hour.
#
# Requires a C++ compiler and Linux. The coverage flags are those of cargo-fuzz. Without the address
# sanitizer, which code without `unsafe` does not need, they work with the stable compiler.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=$1
shift
[ $# -gt 0 ] || set -- wire messages edits next_edit manifest tokenizer policy scanner
host=$(rustc -vV | sed -n 's/^host: //p')
export CARGO_TARGET_DIR=target/libfuzzer ORT_DISABLE_TELEMETRY=1
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
coverage+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
coverage+=" -Cllvm-args=-sanitizer-coverage-pc-table"
coverage+=" -Cllvm-args=-sanitizer-coverage-trace-compares"
RUSTFLAGS="$coverage --cfg fuzzing" cargo build --release --locked --quiet \
    --package foretell-fuzz --target "$host"
for target in "$@"; do
    found=target/libfuzzer/found/$target
    mkdir -p "$found"
    log=target/libfuzzer/$target.log
    FUZZ_TARGET=$target "target/libfuzzer/$host/release/fuzz" -max_len=4096 -timeout=3600 \
        -report_slow_units=3600 -artifact_prefix="target/libfuzzer/$target-" \
        -print_final_stats=1 "$found" "tests/fuzz/corpus/$target" 2>"$log" &
    fuzzer=$!
    trap 'kill $fuzzer 2>/dev/null' EXIT
    while used=$(ps -o cputimes= -p $fuzzer) && [ "$used" -lt "$seconds" ]; do sleep 1; done
    # libFuzzer exits on its own only after a finding.
    kill -USR1 $fuzzer 2>/dev/null || true
    wait $fuzzer || { tail -n 40 "$log"; exit 1; }
    trap - EXIT
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    slowest=$(sed -n 's/^slowest so far: //p' "$log" | tail -n 1)
    echo "$target: $runs inputs in $used s of CPU time, slowest ${slowest:-0 ms}"
done
