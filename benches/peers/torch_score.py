#!/usr/bin/env python3
"""Windows per second of the same two networks under PyTorch on a CUDA GPU, in full 32-bit arithmetic.

Two figures each: `device` starts with the input on the GPU and ends with the result there; `host` copies both. The detector's
features are given ready-made, and nothing comes after its distances; the product's own figure includes both of those.

    benches/peers/run_gpu.sh, or:
    python benches/peers/torch_score.py [--rust score_rate.json]
"""

import argparse
import json
import pathlib

import numpy as np
import torch
from torch.nn import functional

from common import DILATIONS, MARGIN, POSITIONS, ROOT, SPAN, TAPS, WINDOW, best_rate, contrast, features, load

BATCHES = (1, 32, 256, 4096)
# The distances of 4,096 windows at once take 6.4 GB for each step; smaller pieces stay in the cache, so several are tried.
PIECES = (32, 64, 256, 1024)
# What is copied to see how fast the memory is, bytes.
COPIED = 4 << 30


def gru(weights, device):
    net = torch.nn.GRU(1, 32, batch_first=True)
    head = torch.nn.Linear(32, 2)
    state = {name: torch.tensor(value) for name, value in weights.items()}
    net.load_state_dict({k.removeprefix("gru."): v for k, v in state.items() if k.startswith("gru.")})
    head.load_state_dict({k.removeprefix("fc."): v for k, v in state.items() if k.startswith("fc.")})
    net, head = net.to(device), head.to(device)
    return lambda windows: head(net(windows[:, :, None])[0][:, -1])


def detector(weights, device):
    on = lambda array: torch.tensor(np.ascontiguousarray(array), device=device)
    channels = weights["stem.weight"].shape[1]
    stem = on(weights["stem.weight"].reshape(7, 3, channels).transpose(2, 1, 0))
    stem_bias = on(weights["stem.bias"]).flatten()
    blocks = [
        (
            dilation,
            on(weights[f"blocks.{block}.depth.weight"].T[:, None]),
            on(weights[f"blocks.{block}.point.weight"].T[:, :, None]),
            on(weights[f"blocks.{block}.point.bias"]).flatten(),
        )
        for block, dilation in enumerate(DILATIONS)
    ]
    head = on(weights["head.weight"].T[:, :, None])
    scale = on(np.exp(weights["readings.log_scale"])).reshape(1)
    places = torch.arange(POSITIONS, device=device)
    overlapping = (places[:, None] - places[None]).abs() < SPAN
    mask = torch.zeros(POSITIONS, POSITIONS, device=device).masked_fill(overlapping, 1e30)

    def piece(x):
        values = x[:, 0, MARGIN : MARGIN + WINDOW] * scale
        y = functional.relu(functional.conv1d(x, stem, stem_bias))
        for dilation, depth, point, bias in blocks:
            mixed = functional.conv1d(y, depth, groups=channels, dilation=dilation)
            lost = dilation * (TAPS - 1) // 2
            y = functional.relu(functional.conv1d(mixed, point, bias)) + y[:, :, lost : y.shape[2] - lost]
        pooled = functional.avg_pool1d(functional.conv1d(y, head), SPAN, 1)
        z = torch.cat([pooled.transpose(1, 2), values.unfold(1, SPAN, 1)], 2)
        z = z - z.mean(1, keepdim=True)
        norms = z.square().sum(2, keepdim=True)
        distances = torch.baddbmm(norms + norms.transpose(1, 2), z, z.transpose(1, 2), alpha=-2) + mask
        return distances.amin(2)

    return piece


def rates(net, inputs, device, pieces):
    figures = {}
    for batch in BATCHES:
        host = torch.tensor(inputs[:batch]).pin_memory()
        there = host.to(device)
        best = {"device": 0.0, "host": 0.0}
        for size in sorted({min(size, batch) for size in pieces}):

            def on_device():
                out = [net(part) for part in there.split(size)]
                torch.cuda.synchronize()
                return out

            def from_host():
                return torch.cat([net(part.to(device, non_blocking=True)) for part in host.split(size)]).cpu()

            for name, way in (("device", on_device), ("host", from_host)):
                way()
                best[name] = max(best[name], best_rate(way, batch))
        figures[str(batch)] = {name: round(rate) for name, rate in best.items()}
    return figures


def copied_per_second(device):
    source = torch.empty(COPIED // 4, device=device).normal_()
    target = torch.empty_like(source)

    def copy():
        target.copy_(source)
        torch.cuda.synchronize()

    copy()
    return best_rate(copy, 2 * COPIED)


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rust", type=pathlib.Path)
    arguments = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    device = torch.device("cuda")
    shipped = np.loadtxt(ROOT / "fixtures/gru/windows.csv", delimiter=",", dtype=np.float32)
    windows = np.resize(shipped, (BATCHES[-1], WINDOW)).astype(np.float32)
    classifier = gru(load(ROOT / "fixtures/gru/model.safetensors"), device)
    logits = np.loadtxt(ROOT / "fixtures/gru/logits.csv", delimiter=",", dtype=np.float32)
    off = float(np.abs(classifier(torch.tensor(shipped, device=device)).cpu().numpy() - logits).max())
    own = detector(load(ROOT / "weights/detector.safetensors"), device)
    distances = own(torch.tensor(features(shipped), device=device)).cpu().numpy()
    inputs = np.resize(features(shipped), (BATCHES[-1], 3, WINDOW + 2 * MARGIN)).astype(np.float32)
    report = {
        "torch": torch.__version__,
        "gpu": torch.cuda.get_device_name(device),
        "copied_bytes_per_second": round(copied_per_second(device)),
        "gru": {"windows_per_second": rates(classifier, windows, device, (BATCHES[-1],)), "off_from_fixture": off},
        "detector": {"windows_per_second": rates(own, inputs, device, PIECES)},
    }
    if arguments.rust:
        ours = json.loads(arguments.rust.read_text())
        for name in ("gru", "detector"):
            theirs, here = report[name]["windows_per_second"], ours[name]["windows_per_second"]
            report[name]["ratio_of_nightshift_to_host"] = {b: round(here[b] / theirs[b]["host"], 3) for b in theirs}
        scores = np.array(ours["detector"]["shipped_window_scores"])
        expected = np.array([contrast(row) for row in distances])
        report["detector"]["off_from_nightshift"] = float((np.abs(scores - expected) / np.maximum(scores, 1)).max())
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
