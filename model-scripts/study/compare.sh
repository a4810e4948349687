#!/bin/sh
# Compares recipes: builds the bundles, then measures the quality and speed of each.
#
#     model-scripts/study/compare.sh MODEL.gguf FOLDER [RECIPE ...]
#
# Run it from the repository's root, after `make build` and with nothing else running: the speed is
# measured alternately, but other work still disturbs it. Results are printed and kept in
# FOLDER/results. Existing bundles and results in FOLDER are reused. A full run takes hours,
# most of them in `eval`. LIMIT is the number of cases of each set (default: all, 464 places).
set -eu
source=$1
folder=$2
shift 2
[ $# -gt 0 ] || set -- mixed w8a8 w8a8-rescored fp32
python=${PYTHON:-.venv/bin/python}
foretell=target/release/foretell
limit=${LIMIT:-1000}
results=$folder/results
mkdir -p "$results"
export PYTHONPATH=model-scripts

bundles=
for recipe; do
    [ -d "$folder/$recipe" ] || "$python" model-scripts/study/recipes.py "$source" "$folder" "$recipe"
    bundles="$bundles $folder/$recipe"
done
fp32=$folder/fp32
[ -d "$fp32" ] || "$python" model-scripts/study/recipes.py "$source" "$folder" fp32

# Keeps the output of a command in a file, and prints it.
keep() {
    file=$results/$1.txt
    shift
    if [ ! -s "$file" ]; then
        "$@" >"$file.part"
        mv "$file.part" "$file"
    fi
    cat "$file"
}

study() {
    "$python" model-scripts/study/measure.py "$@"
}

echo '== bytes'
du -b -c $bundles
echo '== time, and as a ratio to the first recipe'
keep speed study speed 5 2 $bundles
for recipe; do
    echo "== drafts, $recipe"
    keep "drafts-$recipe" env FORETELL_MODEL="$(realpath "$folder/$recipe")" "$foretell" bench engine --only table,lookup
done
echo '== KL divergence and greedy text'
keep kl study kl "$fp32" "$results/fp32.npy" $bundles
keep greedy study greedy $bundles
echo '== first lines without the policy'
keep fim study fim "$results/fim.json" $bundles
study pairs "$results/fim.json" fp32
for recipe; do
    echo "== suggestions, $recipe"
    keep "eval-$recipe" env FORETELL_MODEL="$(realpath "$folder/$recipe")" "$foretell" eval --alone --limit "$limit" \
        --cases tests/eval/cases-*.jsonl tests/eval/negatives-*.jsonl tests/eval/others-*.jsonl
done
