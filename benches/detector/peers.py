#!/usr/bin/env python3
"""The detector's peers on labelled recordings: same readings, same prefixes, same windows and the same metric.

Prints VUS-PR (TSB-AD 1.5's definition, as models/src/evaluate/vus.rs has it) of each method after each recording's
calibration prefix, and with --ours (the report.json of `nightshift evaluate`) the product beside them. The raw nearest
neighbour is computed here and there: the two figures must agree, or the metrics differ.

    pip install -r benches/detector/requirements.txt
    python benches/detector/peers.py FOLDER [--ours report.json] [--json]
"""

import argparse
import json
import pathlib
import sys
import time

import numpy as np
import stumpy
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM

WINDOW, STRIDE, SPAN, BANK_MAX, BANK_MIN, CLIP = 720, 180, 96, 3600, 480, 20.0
THRESHOLDS, PERIOD_DEFAULT, LAGS = 250, 125, (3, 401)
SEED = 1
# Sub-sequences that a one-class SVM is fitted to: its time grows with their square.
SVM_MAX = 2000


def read(path):
    name = path.stem
    words = name.split("_")
    prefix = int(words[words.index("tr") + 1]) if "tr" in words else 0
    rows = np.genfromtxt(path, delimiter=",", skip_header=1, dtype=np.float64)
    return name, rows[:, 0].astype(np.float32).astype(np.float64), rows[:, 1] > 0, prefix


def skipped(values, labels, prefix):
    return len(values) < WINDOW or prefix >= len(values) or labels[:prefix].any() or not labels[prefix:].any()


# The metric.


def period(values):
    centred = (values[:20_000] - values[:20_000].mean()).astype(np.float64)
    lags = np.array([centred[: len(centred) - lag] @ centred[lag:] for lag in range(LAGS[0], min(LAGS[1], len(centred)))])
    peaks = [i for i in range(1, len(lags) - 1) if lags[i] > lags[i - 1] and lags[i] > lags[i + 1]]
    if not peaks:
        return PERIOD_DEFAULT
    peak = max(reversed(peaks), key=lambda i: lags[i])
    return peak + LAGS[0] if 3 <= peak <= 300 else PERIOD_DEFAULT


def runs(labels):
    edges = np.flatnonzero(np.diff(np.concatenate([[0], labels.astype(int), [0]])))
    return list(zip(edges[::2], edges[1::2]))


def vus_pr(scores, labels, width):
    anomalies = runs(labels)
    order = np.argsort(-scores, kind="stable")
    ranks = (np.arange(THRESHOLDS) * (len(scores) - 1) / (THRESHOLDS - 1)).astype(int)
    cuts = scores[order[ranks]]
    counts = np.array([np.searchsorted(-scores[order], -cut, side="right") for cut in cuts])
    return float(np.mean([area(scores, labels, anomalies, order, cuts, counts, w) for w in range(width + 1)]))


def area(scores, labels, anomalies, order, cuts, counts, width):
    length, edge = len(labels), width // 2
    soft = labels.astype(np.float64)
    for start, end in anomalies:
        for distance in range(1, edge + 1):
            for at in (start - distance, end - 1 + distance):
                if 0 <= at < length:
                    soft[at] = min(soft[at] + np.sqrt(1.0 - distance / width), 1.0)
    merged = []
    for start, end in anomalies:
        start, end = max(start - edge, 0), min(end + edge, length)
        if merged and merged[-1][1] > start:
            merged[-1][1] = end
        else:
            merged.append([start, end])
    highest = np.array([scores[start:end].max() for start, end in merged])
    met = np.concatenate([[0.0], np.cumsum(soft[order])])[counts]
    edges = np.concatenate([[0.0], np.cumsum(np.where(labels[order], 0.0, soft[order]))])[counts]
    found = (highest[None, :] >= cuts[:, None]).mean(axis=1)
    recall = np.minimum(met / (labels.sum() + edges / 2.0), 1.0) * found
    return float(np.sum(np.diff(np.concatenate([[0.0], recall])) * met / counts))


# The methods: each gives a score for every reading after the prefix.


def spread(distances, length, span=SPAN):
    """Mean over the sub-sequences that cover a reading."""
    sums = np.convolve(distances, np.ones(span))[:length]
    return sums / np.convolve(np.ones(len(distances)), np.ones(span))[:length]


def patches(values, span=SPAN):
    return np.lib.stride_tricks.sliding_window_view(values, span)


def random_scores(values, prefix):
    return np.random.default_rng(SEED).random(len(values) - prefix)


def everything(values, prefix):
    return np.ones(len(values) - prefix)


def spectral_residual(values, prefix):
    """Ren et al., KDD 2019: saliency of the log spectrum, without the network."""
    spectrum = np.fft.fft(values - values.mean())
    logs = np.log(np.abs(spectrum) + 1e-8)
    residual = logs - np.convolve(logs, np.ones(3) / 3, mode="same")
    saliency = np.abs(np.fft.ifft(np.exp(residual + 1j * np.angle(spectrum))))
    average = np.convolve(saliency, np.ones(21) / 21, mode="same")
    return (np.maximum(saliency - average, 0.0) / (average + 1e-8))[prefix:]


def isolation_forest(values, prefix):
    rows = patches(values)
    forest = IsolationForest(n_estimators=100, random_state=SEED).fit(rows)
    return spread(-forest.score_samples(rows), len(values))[prefix:]


def one_class_svm(values, prefix):
    """Fitted to the calm prefix alone, where it is long enough, else to all."""
    rows = StandardScaler().fit_transform(patches(values))
    calm = rows[: prefix - SPAN + 1] if prefix >= 2 * SPAN else rows
    chosen = np.random.default_rng(SEED).permutation(len(calm))[:SVM_MAX]
    machine = OneClassSVM(nu=0.05, gamma="scale").fit(calm[chosen])
    return spread(-machine.score_samples(rows), len(values))[prefix:]


def sub_pca(values, prefix):
    rows = StandardScaler().fit_transform(patches(values))
    pca = PCA(n_components=0.9, random_state=SEED).fit(rows)
    return spread(((rows - pca.inverse_transform(pca.transform(rows))) ** 2).sum(axis=1), len(values))[prefix:]


def matrix_profile(values, prefix):
    return spread(stumpy.stump(values, SPAN)[:, 0].astype(np.float64), len(values))[prefix:]


def normalised(values, reference):
    centre = np.sort(reference)[len(reference) // 2]
    mad = np.sort(np.abs(reference - centre))[len(reference) // 2]
    unit = max(1.25 * mad, 0.2 * reference.std(), 1e-6 * abs(centre), np.finfo(np.float32).tiny)
    return np.clip((values - centre) / unit, -CLIP, CLIP)


def nearest(rows, first):
    """Squared distance of each row from `first` on to the nearest one that shares no reading with it."""
    norms = (rows**2).sum(axis=1)
    distances = norms[first:, None] + norms[None, :] - 2.0 * rows[first:] @ rows.T
    apart = np.abs(np.arange(first, len(rows))[:, None] - np.arange(len(rows))[None, :]) >= SPAN
    return np.where(apart, np.maximum(distances, 0.0), np.inf).min(axis=1)


def window_starts(readings):
    last = readings - WINDOW
    starts = list(range(0, last + 1, STRIDE))
    return starts if starts[-1] == last else starts + [last]


def raw_window(values, prefix):
    sums, counts = np.zeros(len(values)), np.zeros(len(values))
    for start in window_starts(len(values)):
        window = values[start : start + WINDOW]
        sums[start : start + WINDOW] += spread(nearest(patches(normalised(window, window)), 0), WINDOW)
        counts[start : start + WINDOW] += 1
    return (sums / counts)[prefix:]


def raw_bank(values, prefix):
    if prefix < BANK_MIN or len(values) - prefix < WINDOW:
        return None
    after = len(values) - prefix
    sums, counts = np.zeros(after), np.zeros(after)
    for start in window_starts(after):
        at = prefix + start
        bank = values[max(at - BANK_MAX, 0) : at]
        rows = patches(normalised(values[at - len(bank) : at + WINDOW], bank))
        sums[start : start + WINDOW] += spread(nearest(rows, len(bank)), WINDOW)
        counts[start : start + WINDOW] += 1
    return sums / counts


METHODS = {
    "random": random_scores,
    "everything": everything,
    "spectral residual": spectral_residual,
    "isolation forest": isolation_forest,
    "one-class SVM": one_class_svm,
    "Sub-PCA": sub_pca,
    "matrix profile (stumpy)": matrix_profile,
    "raw neighbour, window": raw_window,
    "raw neighbour, bank": raw_bank,
}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--ours", type=pathlib.Path, help="report.json of `nightshift evaluate` on the same folder")
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    figures, seconds, count = {name: [] for name in METHODS}, dict.fromkeys(METHODS, 0.0), 0
    for path in sorted(given.folder.glob("*.csv")):
        name, values, labels, prefix = read(path)
        if skipped(values, labels, prefix):
            print(f"skipped {name}", file=sys.stderr)
            continue
        count, width = count + 1, period(values)
        for method, score in METHODS.items():
            begun = time.perf_counter()
            scores = score(values, prefix)
            seconds[method] += time.perf_counter() - begun
            if scores is not None:
                figures[method].append(vus_pr(scores, labels[prefix:], width))
    means = {name: float(np.mean(values)) for name, values in figures.items() if values}
    if given.ours:
        ours = json.loads(given.ours.read_text(encoding="utf-8"))
        there = ours["vus_pr"]["raw_neighbour"]
        if abs(there - means["raw neighbour, window"]) > 0.01:
            print(f"raw neighbour: {there:.4f} there, {means['raw neighbour, window']:.4f} here", file=sys.stderr)
            return 1
        means["nightshift, window"] = ours["vus_pr"]["network"]
        if ours.get("bank"):
            means["nightshift, bank"] = ours["bank"]["vus_pr"]
    if given.json:
        print(json.dumps({"recordings": count, "vus_pr": means, "seconds": seconds}, indent=2))
        return 0
    print(f"{count} recordings, mean VUS-PR after the prefix")
    for name, mean in sorted(means.items(), key=lambda item: item[1]):
        took = f"{seconds[name]:8.1f} s" if name in seconds else ""
        print(f"{name:26} {mean:.3f} {took}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
