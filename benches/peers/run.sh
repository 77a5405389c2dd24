#!/bin/sh
# Scores the same windows with Nightshift and with ONNX Runtime, in one run, and prints both with their ratios.
#
#   pip install numpy onnx onnxruntime
#   benches/peers/run.sh [threads]
set -eu
cd "$(dirname "$0")/../.."
threads=${1:-$(nproc)}
target=${CARGO_TARGET_DIR:-target}
ours=$(mktemp)
trap 'rm -f "$ours"' EXIT

cargo build --release --quiet --package nightshift-models --example score_rate
taskset -c "0-$((threads - 1))" "$target/release/examples/score_rate" cpu > "$ours"
taskset -c "0-$((threads - 1))" python3 benches/peers/onnx_score.py --threads "$threads" --rust "$ours"
