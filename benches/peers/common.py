"""What the peers share: the product's weights, the features that its detector sees, and how a rate is measured."""

import json
import pathlib
import struct
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2] / "models"
WINDOW, SPAN, MARGIN, DILATIONS, TAPS = 720, 96, 31, (2, 4, 8), 5
POSITIONS = WINDOW - SPAN + 1
ROUNDS, ROUND_S = 5, 0.4


def load(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            tensors[name] = np.frombuffer(data[start:end], "<f4").reshape(entry["shape"])
    return tensors


def features(windows):
    """What the detector's encoder sees: value, step, step in units of the usual step; mirrored at the ends."""

    def scale(values):
        centre = np.sort(values)[len(values) // 2]
        mad = np.sort(np.abs(values - centre))[len(values) // 2]
        return centre, max(1.25 * mad, 0.2 * values.std(), 1e-6 * abs(centre), 1e-38)

    rows = []
    for window in windows:
        centre, unit = scale(window)
        values = np.clip((window - centre) / unit, -20, 20)
        usual = scale(np.diff(values))[1]
        values = np.pad(values, MARGIN, mode="reflect")
        steps = np.diff(values, prepend=values[0])
        rows.append(np.stack([values, steps, np.clip(steps / usual, -20, 20)]))
    return np.stack(rows).astype(np.float32)


def contrast(distances):
    """The window's score: its largest distance over what three quarters of its positions don't exceed."""
    distances = np.maximum(distances, 0)
    return distances.max() / (np.sort(distances)[(len(distances) - 1) * 3 // 4] + 2)


def best_rate(run, batch):
    best = 0.0
    for _ in range(ROUNDS):
        start, scored = time.perf_counter(), 0
        while time.perf_counter() - start < ROUND_S:
            run()
            scored += batch
        best = max(best, scored / (time.perf_counter() - start))
    return best
