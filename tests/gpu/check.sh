#!/bin/bash
# Checks the GPU providers on this machine, and prints figures and a verdict in less than four
# minutes, without a network. `make gpu-check` prepares the files.
# usage: check.sh FOLDER
#
# FOLDER has program.tar.xz, and for a real model all smollm2.tar.xz-*. CUDA is checked if this
# machine has ONNX Runtime's CUDA build, in $CUDA_RUNTIME or in the Python package onnxruntime-gpu.
# Ends with 0 if WebGPU generates the tokens of the CPU with every model.
set -u
folder=$(cd "${1:?usage: check.sh FOLDER}" && pwd)
deadline=$((SECONDS + ${CHECK_SECONDS:-230}))
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
tar -xJf "$folder/program.tar.xz" -C "$home" || exit 2
export FORETELL_HOME=$home ORT_DISABLE_TELEMETRY=1 FORETELL_LOG=${FORETELL_LOG:-error}
mkfifo "$home/stdin" && exec 3<>"$home/stdin"
verdict=0

echo "machine: $(uname -sm), $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg)"
if command -v nvidia-smi >/dev/null; then
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
fi
# A container may have NVIDIA's driver without the file that tells Vulkan where it is.
drivers=$(find /usr/share/vulkan/icd.d /etc/vulkan/icd.d -name '*.json' 2>/dev/null)
if [ -z "${VK_ICD_FILENAMES-}$drivers" ]; then
    driver=$(ldconfig -p | sed -n 's/.*\(libGLX_nvidia\.so\.0\|libEGL_nvidia\.so\.0\) .*/\1/p' | head -n 1)
    if [ -n "$driver" ]; then
        echo "{\"file_format_version\": \"1.0.0\", \"ICD\": {\"library_path\": \"$driver\", \"api_version\": \"1.3.0\"}}" >"$home/driver.json"
        export VK_ICD_FILENAMES=$home/driver.json
    fi
fi
echo "Vulkan drivers:" "${VK_ICD_FILENAMES-${drivers//$'\n'/ }}"

# number NAME LINE: a number of the JSON object in LINE.
number() { sed -n "s/.*\"$1\":\([0-9.e+-]*\).*/\1/p" <<<"$2"; }

# tokens LINE: the most likely token of each step, joined with commas.
tokens() { grep -o '\[\[[0-9][0-9]*' <<<"$1" | tr -d '[' | paste -sd,; }

# try MODEL PROVIDER [REFERENCE]: one trial, in a process of its own; its result is in $result.
try() {
    local left=$((deadline - SECONDS)) reference=()
    [ $# -lt 3 ] || reference=(--reference "$3")
    if [ "$left" -lt 5 ]; then
        echo "$1 on $2: NOT RUN, no time is left"
        return 1
    fi
    result=$(timeout "$left" "$home/foretell" try-provider --model "$home/models/$1" \
        --provider "$2" "${reference[@]}" <&3 2>"$home/stderr")
    local code=$?
    if [ $code -ne 0 ]; then
        echo "$1 on $2: FAILED ($code): $(head -c 1000 <<<"$result") $(tail -n 3 "$home/stderr")"
        return 1
    fi
    printf '%s on %s: load %.0f ms, first text %.0f ms, prefill %.0f tokens/s, decode %.1f tokens/s\n' \
        "$1" "$2" "$(number load_ms "$result")" "$(number first_text_ms "$result")" \
        "$(number prefill_tokens_per_s "$result")" "$(number decode_tokens_per_s "$result")"
}

# check MODEL PROVIDER: compares a provider with the CPU, whose tokens are in $expected.
check() {
    try "$1" "$2" "$expected" || return 1
    local found same
    found=$(tokens "$result")
    same=$(paste <(tr , '\n' <<<"$found") <(tr , '\n' <<<"$expected") | awk '$1 == $2' | wc -l)
    echo "$1 on $2: $same of $(tr , '\n' <<<"$expected" | wc -l) tokens equal those of the CPU"
    [ "$found" = "$expected" ]
}

models=(tiny)
if ls "$folder"/smollm2.tar.xz-* >/dev/null 2>&1; then
    if cat "$folder"/smollm2.tar.xz-* | tar -xJf - -C "$home"; then
        models+=(smollm2-135m)
    else
        echo "smollm2-135m: NOT RUN, a piece is missing"
        verdict=1
    fi
fi
# against_cpu MODEL PROVIDER: compares a provider with a new run of the CPU.
against_cpu() {
    try "$1" cpu && expected=$(tokens "$result") && check "$1" "$2"
}

for model in "${models[@]}"; do
    against_cpu "$model" webgpu || verdict=1
done
cuda=${CUDA_RUNTIME-$(python3 -c 'import importlib.util as u, pathlib as p; print(p.Path(u.find_spec("onnxruntime").origin).parent / "capi")' 2>/dev/null)}
if [ -e "$cuda/libonnxruntime_providers_cuda.so" ]; then
    ORT_DYLIB_PATH=$(find "$cuda" -name 'libonnxruntime.so.*' | head -n 1)
    export ORT_DYLIB_PATH
    against_cpu tiny-cuda cuda || echo "tiny-cuda on cuda: NOT EQUAL or not run"
else
    echo "cuda: not checked, because this machine has no CUDA build of ONNX Runtime"
fi
if [ $verdict -eq 0 ]; then echo "VERDICT: WebGPU works here"; else echo "VERDICT: WebGPU does not work here, or was not checked completely"; fi
exit $verdict
