"""Classify a point cloud with an exported model: needs numpy and onnxruntime, nothing else.

    python classify.py EXPORTED_FOLDER CLOUD     (.npy, or .ply in ASCII or little-endian binary)

The cloud's up axis is to be y, as in the data that the model was trained on.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

TYPES = {"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"}
TYPES |= {"float": "f4", "double": "f8", "float32": "f4", "float64": "f8", "uint8": "u1"}


def read_cloud(path):
    """Points (M, 3)."""
    if path.suffix == ".npy":
        return np.load(path)[:, :3]
    header, _, body = path.read_bytes().partition(b"end_header\n")
    lines = [line.split() for line in header.decode().splitlines()]
    kinds = [line[1] for line in lines if line[0] == "format"]
    num = next(int(line[2]) for line in lines if line[:2] == ["element", "vertex"])
    start = lines.index(["element", "vertex", str(num)]) + 1
    ends = [row for row, line in enumerate(lines) if row > start and line[0] != "property"]
    fields = [(line[2], "<" + TYPES[line[1]]) for line in lines[start : (ends or [None])[0]]]
    if kinds == ["ascii"]:
        columns = [[name for name, _ in fields].index(axis) for axis in "xyz"]
        return np.loadtxt(body.decode().splitlines()[:num], ndmin=2)[:, columns]
    assert kinds == ["binary_little_endian"], f"{path}: cannot read {kinds}"
    vertices = np.frombuffer(body, np.dtype(fields), num)
    return np.stack([vertices[axis] for axis in "xyz"], axis=1)


def main(folder, cloud):
    """Print the five likeliest classes."""
    sys.path.insert(0, str(folder))
    from patches import prepared  # the pre-processing that stands beside the model

    manifest = json.loads((folder / "manifest.json").read_text())
    session = onnxruntime.InferenceSession(folder / manifest["graphs"]["fp32"]["file"])
    logits = session.run(None, prepared(read_cloud(cloud), manifest["geometry"]))[0][0]
    shares = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    for index in np.argsort(-shares)[:5]:
        print(f"{shares[index]:6.1%}  {manifest['class_names'][index]}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
