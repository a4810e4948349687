#!/bin/sh
# Prepares the files that check.sh needs on a machine with a GPU and without a network. Each of them
# is below 64 MiB, so that they can be transferred one by one.
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
ls -l "$folder"
