#!/bin/sh
# Evaluates the detector and its peers on one folder of labelled recordings, in one run, and prints them together.
#
#   pip install -r benches/detector/requirements.txt
#   benches/detector/run.sh FOLDER
#
# NIGHTSHIFT_BENCH_PROGRAM names another build of the program than target/release/nightshift.
set -eu
folder=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
program=${NIGHTSHIFT_BENCH_PROGRAM:-${CARGO_TARGET_DIR:-target}/release/nightshift}
[ -x "$program" ] || cargo build --release --quiet
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

"$program" evaluate "$folder" --device cpu --out "$out" > "$out/table.txt"
cat "$out/table.txt"
"${PYTHON:-python3}" benches/detector/peers.py "$folder" --ours "$out/report.json"
