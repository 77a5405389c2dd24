#!/bin/sh
# Scores the same windows with Nightshift and with PyTorch on the same GPU, in one run, and prints both with their ratios.
#
#   benches/peers/run_gpu.sh [PROGRAM]    PROGRAM: the built example score_rate
set -eu
cd "$(dirname "$0")/../.."
program=${1:-}
if [ -z "$program" ]; then
    cargo build --release --quiet --package nightshift-models --example score_rate
    program=${CARGO_TARGET_DIR:-target}/release/examples/score_rate
fi
ours=$(mktemp)
trap 'rm -f "$ours"' EXIT

"$program" vulkan > "$ours"
cat "$ours"
python3 benches/peers/torch_score.py --rust "$ours"
