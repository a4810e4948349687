#!/bin/sh
# Prepares the files that check.sh needs on a machine with a GPU and without a network. They can be
# transferred one by one: each of them is, together with the source tree, below 64 MiB.
# usage: prepare.sh FORETELL FORETELL-MODELS FOLDER
set -eu
foretell=$1 models=$2 folder=$3

rm -rf "$folder"
mkdir -p "$folder/home/models"
folder=$(cd "$folder" && pwd)
FORETELL_HOME=$folder/home
export FORETELL_HOME
"$models" runtime --library webgpu
"$models" tiny --out "$folder/home/models/tiny" --quantization mixed --target webgpu
"$models" tiny --out "$folder/home/models/tiny-cuda" --quantization mixed --target cuda
# 4 bits, so that it fits into two files.
source=$("$models" fetch smollm2-135m)
"$models" import "$source" --out "$folder/home/models/smollm2-135m" --licence Apache-2.0 \
    --quantization int4 --target webgpu
cp "$foretell" "$folder/home/foretell"
strip "$folder/home/foretell"

cd "$folder/home"
tar -cJf ../program.tar.xz foretell lib models/tiny models/tiny-cuda
tar -cJf - models/smollm2-135m | split -b 45m - ../smollm2.tar.xz-
rm -rf "${folder:?}/home"
cd - >/dev/null
tree_bytes=$(git ls-files -z --cached --others --exclude-standard | xargs -0 cat | wc -c)
for file in "$folder"/*; do
    n_bytes=$(($(wc -c <"$file") + tree_bytes))
    echo "$file: $n_bytes bytes with the source tree"
    [ "$n_bytes" -lt $((64 << 20)) ] || { echo "which is 64 MiB or more" >&2; exit 1; }
done
