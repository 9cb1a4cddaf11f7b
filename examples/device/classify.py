"""Classify a point cloud with an exported model: needs numpy and onnxruntime; plyfile for .ply.

    python classify.py EXPORTED_FOLDER CLOUD     (.npy or .ply)

The cloud's up axis is to be y, as in the data that the model was trained on.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime


def read_cloud(path):
    """Points (M, 3)."""
    if path.suffix == ".npy":
        return np.load(path)[:, :3]
    from plyfile import PlyData, PlyParseError

    try:
        vertices = PlyData.read(path)["vertex"]
        return np.stack([np.asarray(vertices[axis], np.float64) for axis in "xyz"], axis=1)
    except (PlyParseError, KeyError, ValueError) as error:
        sys.exit(f"{path}: no PLY with a vertex element of numbers x, y, z ({error})")


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
