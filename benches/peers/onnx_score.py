#!/usr/bin/env python3
"""Windows per second of the same two networks under ONNX Runtime.

Builds the classifier and the detector as ONNX graphs from the safetensors weights that the product loads, checks
the classifier against PyTorch's logits, and times batches of 1, 32 and 256. ONNX Runtime gets the detector's
features ready-made and stops at the distances; the product's own figure includes both of those.

    pip install numpy onnx onnxruntime
    python benches/peers/onnx_score.py [--threads 2] [--gru FILE] [--detector FILE] [--rust score_rate.json]

With --rust (the output of `cargo run --release -p nightshift-models --example score_rate`) the ratios are printed
as well.
"""

import argparse
import json
import pathlib

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from common import DILATIONS, MARGIN, POSITIONS, ROOT, SPAN, TAPS, WINDOW, best_rate, contrast, features, load

BATCHES = (1, 32, 256)
# The distances of 256 windows at once take 400 MB; smaller pieces may be faster, so both are tried.
PIECE = 32


class Graph:
    """Collects nodes and constants; each method gives the name of its result."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, kind, *inputs, **attributes):
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def session(self, shape, out, width, threads):
        source = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
        result = helper.make_tensor_value_info(out, TensorProto.FLOAT, ["batch", width])
        graph = helper.make_graph(self.nodes, "net", [source], [result], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def gru_session(weights, threads):
    """Input `[batch, 720]`. PyTorch's gates are reset, update, new; ONNX's are update, reset, new."""

    def gates(name):
        reset, update, new = np.split(weights[name], 3)
        return np.concatenate([update, reset, new])

    graph = Graph()
    steps = graph.add("Unsqueeze", graph.add("Transpose", "x", perm=[1, 0]), graph.constant(np.array([2])))
    bias = np.concatenate([gates("gru.bias_ih_l0"), gates("gru.bias_hh_l0")])[None]
    graph.nodes.append(
        helper.make_node(
            "GRU",
            [
                steps,
                graph.constant(gates("gru.weight_ih_l0")[None]),
                graph.constant(gates("gru.weight_hh_l0")[None]),
                graph.constant(bias),
            ],
            ["", "last"],
            hidden_size=32,
            linear_before_reset=1,
        )
    )
    last = graph.add("Squeeze", "last", graph.constant(np.array([0])))
    head = graph.constant(weights["fc.weight"].T)
    out = graph.add("Add", graph.add("MatMul", last, head), graph.constant(weights["fc.bias"]))
    return graph.session(["batch", WINDOW], out, 2, threads)


def detector_session(weights, threads):
    """Input `[batch, 3, 782]`: the features with channels first, as ONNX Runtime likes them."""
    graph = Graph()
    channels = weights["stem.weight"].shape[1]
    stem = weights["stem.weight"].reshape(7, 3, channels).transpose(2, 1, 0)
    x = graph.add("Conv", "x", graph.constant(stem), graph.constant(weights["stem.bias"]))
    x, length = graph.add("Relu", x), WINDOW + 2 * MARGIN - 6
    for block, dilation in enumerate(DILATIONS):
        depth = weights[f"blocks.{block}.depth.weight"].T[:, None]
        point = weights[f"blocks.{block}.point.weight"].T[:, :, None]
        bias = graph.constant(weights[f"blocks.{block}.point.bias"])
        mixed = graph.add("Conv", x, graph.constant(depth), group=channels, dilations=[dilation])
        mixed = graph.add("Relu", graph.add("Conv", mixed, graph.constant(point), bias))
        lost = dilation * (TAPS - 1)
        bounds = [graph.constant(np.array([v])) for v in (lost // 2, length - lost // 2, 2)]
        x, length = graph.add("Add", mixed, graph.add("Slice", x, *bounds)), length - lost
    x = graph.add("Conv", x, graph.constant(weights["head.weight"].T[:, :, None]))
    pooled = graph.add("AveragePool", x, kernel_shape=[SPAN], strides=[1])
    scale = np.exp(weights["readings.log_scale"]).reshape(1)
    bounds = [graph.constant(np.array(v)) for v in ([0, MARGIN], [1, MARGIN + WINDOW], [1, 2])]
    values = graph.add("Squeeze", graph.add("Slice", "x", *bounds), graph.constant(np.array([1])))
    places = np.arange(SPAN)[:, None] + np.arange(POSITIONS)[None]
    scaled = graph.add("Mul", values, graph.constant(scale))
    stretches = graph.add("Gather", scaled, graph.constant(places), axis=1)
    z = graph.add("Concat", pooled, stretches, axis=1)
    products = graph.add("MatMul", graph.add("Transpose", z, perm=[0, 2, 1]), z)
    norms = graph.add("ReduceSum", graph.add("Mul", z, z), graph.constant(np.array([1])))
    distances = graph.add("Sub", norms, graph.add("Mul", products, graph.constant(np.float32([2.0]))))
    distances = graph.add("Add", distances, graph.add("Transpose", norms, perm=[0, 2, 1]))
    apart = np.abs(np.arange(POSITIONS)[:, None] - np.arange(POSITIONS)[None])
    mask = np.where(apart < SPAN, np.float32(1e30), np.float32(0))
    masked = graph.add("Add", distances, graph.constant(mask))
    nearest = graph.add("ReduceMin", masked, axes=[2], keepdims=0)
    return graph.session(["batch", 3, WINDOW + 2 * MARGIN], nearest, POSITIONS, threads)


def rates(session, inputs):
    figures = {}
    for batch in BATCHES:
        whole = inputs[:batch]
        pieces = [whole[at : at + PIECE] for at in range(0, batch, PIECE)]
        ways = [lambda: session.run(None, {"x": whole})]
        if len(pieces) > 1:
            ways.append(lambda: [session.run(None, {"x": piece}) for piece in pieces])
        for way in ways:
            way()
        figures[str(batch)] = round(max(best_rate(way, batch) for way in ways))
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--gru", type=pathlib.Path, default=ROOT / "fixtures/gru/model.safetensors")
    parser.add_argument("--detector", type=pathlib.Path, default=ROOT / "weights/detector.safetensors")
    parser.add_argument("--rust", type=pathlib.Path)
    arguments = parser.parse_args()
    shipped = np.loadtxt(ROOT / "fixtures/gru/windows.csv", delimiter=",", dtype=np.float32)
    windows = np.resize(shipped, (BATCHES[-1], WINDOW)).astype(np.float32)
    gru = gru_session(load(arguments.gru), arguments.threads)
    logits = np.loadtxt(ROOT / "fixtures/gru/logits.csv", delimiter=",", dtype=np.float32)
    off = float(np.abs(gru.run(None, {"x": shipped})[0] - logits).max())
    detector = detector_session(load(arguments.detector), arguments.threads)
    scores = [contrast(distances) for distances in detector.run(None, {"x": features(shipped)})[0]]
    report = {
        "onnxruntime": ort.__version__,
        "threads": arguments.threads,
        "gru": {"windows_per_second": rates(gru, windows), "off_from_pytorch": off},
        "detector": {"windows_per_second": rates(detector, features(windows))},
    }
    if arguments.rust:
        ours = json.loads(arguments.rust.read_text())
        for name in ("gru", "detector"):
            theirs = report[name]["windows_per_second"]
            own = ours[name]["windows_per_second"]
            report[name]["ratio_of_nightshift"] = {b: round(own[b] / theirs[b], 2) for b in theirs}
        own = np.array(ours["detector"]["shipped_window_scores"])
        report["detector"]["off_from_nightshift"] = float((np.abs(own - scores) / np.maximum(own, 1)).max())
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
