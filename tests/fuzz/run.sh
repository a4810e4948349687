#!/usr/bin/env bash
# Lets libFuzzer work on the targets, one after the other, from the corpus and what it found before
# in target/libfuzzer. Usage: run.sh SECONDS_EACH [TARGET...]
#
# Needs a C++ compiler. The coverage's flags are those of cargo-fuzz; without the address sanitizer,
# which our code without `unsafe` does not need, they work with the stable compiler.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=$1
shift
[ $# -gt 0 ] || set -- wire messages edits manifest tokenizer policy
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
    FUZZ_TARGET=$target "target/libfuzzer/$host/release/fuzz" -max_total_time="$seconds" \
        -max_len=4096 -timeout=5 -artifact_prefix="target/libfuzzer/$target-" -print_final_stats=1 \
        "$found" "tests/fuzz/corpus/$target" 2>"target/libfuzzer/$target.log" ||
        { tail -n 40 "target/libfuzzer/$target.log"; exit 1; }
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "target/libfuzzer/$target.log")
    slowest=$(sed -n 's/^stat::slowest_unit_time_sec: *//p' "target/libfuzzer/$target.log")
    echo "$target: $runs inputs in $seconds s, the slowest took less than $((slowest + 1)) s"
done
