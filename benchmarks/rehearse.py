"""Rehearse the sweeps of the paper's size on small files in the published formats.

    python benchmarks/rehearse.py
    python benchmarks/rehearse.py --sweeps gate losses --keep /tmp/rehearsal

Writes a few random clouds in the layout of each published dataset and random weights in the format
of each family's checkpoints, lets `foundry-bench data check` read each, and plans (`--dry-run`) and
runs for a moment (`--smoke`) each file of sweeps/paper/. The table has the seconds, those of the
CPU, and the peak memory of each command. Exit code 1 if one of them failed.
"""

import argparse
import json
import os
import pickle
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import Tensor

from foundry_bench.config.settings import TeacherSettings
from foundry_bench.data import modelnet40_names, scanobjectnn, shapenet55_names, shapenetpart
from foundry_bench.resources import shipped
from foundry_bench.teachers.preset import teacher_source

Array = np.ndarray[Any, Any]

POINTS = 2048
PER_CLASS = {"train": 4, "test": 2}
FOLDS, QUERIES = 10, 20
FAMILIES = ("point_jepa", "point2vec", "point_mae", "point_bert", "recon", "pcp_mae")
DATASETS: tuple[tuple[str, ...], ...] = (
    ("shapenet55",),
    ("shapenetpart",),
    *(("modelnet40", f"source={source}") for source in ("hdf5", "normals", "dat")),
    *(("scanobjectnn", f"variant={variant}") for variant, *_ in scanobjectnn.FILES),
    *(
        ("modelnet40_few_shot", f"way={way}", f"shot={shot}")
        for way in (5, 10)
        for shot in (10, 20)
    ),
)
"""A dataset and the settings that choose its form."""
NUM_CLASSES = 8
"""Of the datasets that have more, except ShapeNetPart."""


@dataclass(frozen=True)
class Line:
    """How one command ended.

    Attributes:
        wall_s, cpu_s: of the command and the processes that it started.
        peak_mib: the largest memory of one of these processes.
        verdict: `ok`, or the line that says what is wrong.
    """

    what: str
    wall_s: float
    cpu_s: float
    peak_mib: float
    verdict: str


def main() -> int:
    """Write the files, run the commands, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sweeps", nargs="*", default=sweep_names(), choices=sweep_names())
    parser.add_argument("--keep", type=Path, help="a folder for the files, which then stay")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="foundry-rehearsal-") as temporary:
        folder = (given.keep or Path(temporary)).absolute()
        write_archives(folder / "data")
        write_checkpoints(folder / "teachers")
        lines = []
        for line in rehearse(folder, given.sweeps):
            lines.append(line)
            print(row(line), flush=True)  # noqa: T201
    return 1 if any(line.verdict != "ok" for line in lines) else 0


def sweep_names() -> list[str]:
    """The sweeps of the paper's size."""
    return sorted(path.stem for path in (shipped("sweeps") / "paper").glob("*.yaml"))


def row(line: Line) -> str:
    """A line of the table."""
    times = f"{line.wall_s:7.1f} s {line.cpu_s:7.1f} s CPU {line.peak_mib:7.0f} MiB"
    return f"{line.what:<42} {times}  {line.verdict}"


def rehearse(folder: Path, sweeps: Sequence[str]) -> Iterator[Line]:
    """Check each dataset in `folder`, then plan and smoke each of `sweeps`."""
    for name, *changes in DATASETS:
        words = [word for change in changes for word in ("--set", change)]
        # 1: its counts are not the published ones, as they cannot be
        yield run(folder, " ".join(["data", name, *changes]), ["data", "check", name, *words], 1)
    for name in sweeps:
        for flag in ("--dry-run", "--smoke"):
            yield run(folder, f"{name} {flag}", [*sweep_words(folder, name), flag])


def sweep_words(folder: Path, name: str) -> list[str]:
    """The words that run a sweep on the files of `folder`."""
    path = shipped("sweeps") / "paper" / f"{name}.yaml"
    weights = {family: str(folder / "teachers" / f"{family}.pth") for family in FAMILIES}
    changes = [f"teacher.weights={weights['point_jepa']}"]
    if name == "teachers":
        teachers = [
            {"name": family, "preset": "small", "weights": file} for family, file in weights.items()
        ]
        changes.append(f"axes.teacher={json.dumps(teachers)}")
    words = [word for change in changes for word in ("--set", change)]
    return ["sweep", str(path), *words, "--out", str(folder / "runs" / name)]


def run(folder: Path, what: str, words: Sequence[str], allowed: int = 0) -> Line:
    """Run `foundry-bench` with `words` on the files of `folder`; exit codes to `allowed` are ok."""
    variables = {
        "FOUNDRY_BENCH_DATA": str(folder / "data"),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    log = folder / "log.txt"
    start = time.perf_counter()
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "foundry_bench", *words],
            env=os.environ | variables,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)  # as `wait`, with what the process used
    process.returncode = os.waitstatus_to_exitcode(status)
    wall_s = time.perf_counter() - start
    said = log.read_text(encoding="utf-8").strip().splitlines()
    is_ok = 0 <= process.returncode <= allowed
    wrong = next((each for each in said if each.startswith(("failed", "foundry-bench"))), None)
    verdict = "ok" if is_ok else wrong or f"exit code {process.returncode}: {' '.join(said[-1:])}"
    return Line(what, wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, verdict)


def write_archives(root: Path) -> None:
    """A few clouds in the layout of each published dataset."""
    write_shapenet55(root / "ShapeNet55-34")
    write_shapenetpart(root / "shapenetcore_partanno_segmentation_benchmark_v0_normal")
    write_modelnet40_hdf5(root / "modelnet40_ply_hdf5_2048")
    write_modelnet40_resampled(root / "modelnet40_normal_resampled")
    write_scanobjectnn(root / "ScanObjectNN")
    for way in (5, 10):
        for shot in (10, 20):
            write_folds(root / "ModelNetFewshot" / f"{way}way_{shot}shot", way, shot)


def cloud(label: int, number: int, columns: int = 3) -> Array:
    """Random points (M, columns) in a box whose sides are the class's."""
    sides = np.random.default_rng(label).uniform(0.2, 1.0, columns)
    points = np.random.default_rng([label, number]).uniform(-1, 1, (POINTS, columns))
    return (points * sides).astype(np.float32)


def labelled(split: str, num_classes: int = NUM_CLASSES) -> list[tuple[int, int]]:
    """Label and number of each cloud of a split."""
    first = 0 if split == "train" else PER_CLASS["train"]
    numbers = range(first, first + PER_CLASS[split])
    return [(label, number) for label in range(num_classes) for number in numbers]


def write_hdf5(path: Path, clouds: Sequence[tuple[int, int]]) -> None:
    """Clouds and labels as PointNet's authors keep them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["data"] = np.stack([cloud(*each) for each in clouds])
        file["label"] = np.array([[label] for label, _ in clouds], np.uint8)


def write_shapenet55(folder: Path) -> None:
    """Lists of names, and an array a cloud."""
    for name in ("ShapeNet-55", "shapenet_pc"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    synsets = list(shapenet55_names.NAMES)
    for split in PER_CLASS:
        names = []
        for label, number in labelled(split):
            names.append(f"{synsets[label]}-{number}.npy")
            np.save(folder / "shapenet_pc" / names[-1], cloud(label, number))
        (folder / "ShapeNet-55" / f"{split}.txt").write_text("\n".join(names))


def write_shapenetpart(folder: Path) -> None:
    """Text with a normal and a part in each line, and lists of names."""
    (folder / "train_test_split").mkdir(parents=True, exist_ok=True)
    categories = list(shapenetpart.NUM_PARTS.items())
    synsets = [f"{label + 1:08}" for label in range(len(categories))]
    lines = [f"{name}\t{synset}\n" for (name, _), synset in zip(categories, synsets, strict=True)]
    (folder / shapenetpart.CATEGORIES).write_text("".join(lines))
    for word, split in (("train", "train"), ("val", ""), ("test", "test")):
        entries = []
        for label, number in labelled(split, len(categories)) if split else ():
            name, num_parts = categories[label]
            parts = shapenetpart.FIRST_PARTS[name] + np.arange(POINTS) % num_parts
            path = folder / synsets[label] / f"{number}.txt"
            path.parent.mkdir(exist_ok=True)
            np.savetxt(path, np.column_stack([cloud(label, number, 6), parts]), fmt="%.6f")
            entries.append(f"shape_data/{synsets[label]}/{number}")
        path = folder / "train_test_split" / f"shuffled_{word}_file_list.json"
        path.write_text(json.dumps(entries))


def write_modelnet40_hdf5(folder: Path) -> None:
    """A list and a file a split."""
    for split in PER_CLASS:
        write_hdf5(folder / f"ply_data_{split}0.h5", labelled(split))
        (folder / f"{split}_files.txt").write_text(
            f"data/modelnet40_ply_hdf5_2048/ply_data_{split}0.h5\n"
        )


def write_modelnet40_resampled(folder: Path) -> None:
    """Text with normals, and the pickles that Point-BERT's authors made of it."""
    for split in PER_CLASS:
        names, clouds = [], []
        for label, number in labelled(split):
            name = modelnet40_names.NAMES[label]
            names.append(f"{name}_{number:04}")
            clouds.append(cloud(label, number, 6))
            (folder / name).mkdir(parents=True, exist_ok=True)
            np.savetxt(folder / name / f"{names[-1]}.txt", clouds[-1], fmt="%.6f", delimiter=",")
        (folder / f"modelnet40_{split}.txt").write_text("\n".join(names))
        content = [clouds, [np.array([label], np.int32) for label, _ in labelled(split)]]
        (folder / f"modelnet40_{split}_8192pts_fps.dat").write_bytes(pickle.dumps(content))


def write_scanobjectnn(folder: Path) -> None:
    """Two files a variant."""
    for _, pattern, *_ in scanobjectnn.FILES:
        for word, split in (("training", "train"), ("test", "test")):
            write_hdf5(folder / pattern.replace("{training,test}", word), labelled(split))


def write_folds(folder: Path, way: int, shot: int) -> None:
    """A pickle a fold, of the published size; a class's clouds are the same few again and again."""
    folder.mkdir(parents=True, exist_ok=True)
    for fold in range(FOLDS):
        content = {}
        for split, num in (("train", shot), ("test", QUERIES)):
            few = [[cloud(label, number, 6) for number in range(2)] for label in range(way)]
            content[split] = [
                (few[label][row % 2], label, np.int32(label))
                for row in range(num)
                for label in range(way)
            ]
        (folder / f"{fold}.pkl").write_bytes(pickle.dumps(content))


def write_checkpoints(folder: Path) -> None:
    """Random weights of the size `small` in the format that each family publishes."""
    folder.mkdir(parents=True, exist_ok=True)
    for family in FAMILIES:
        torch.save(checkpoint(family), folder / f"{family}.pth")


MINI_POINTNET = {
    "lift.": "first_conv.0.",
    "lift_norm.": "first_conv.1.",
    "pool.": "first_conv.3.",
    "mix.": "second_conv.0.",
    "mix_norm.": "second_conv.1.",
    "out.": "second_conv.3.",
}
LIGHTNING = {
    "tokenizer.": "tokenizer.embedding.",
    "positions.": "positional_encoding.",
    "encoder.": "student.",
}
VIT = {
    "tokenizer.reduce.": "reduce_dim.",
    "tokenizer.": "encoder.",
    "positions.": "pos_embed.",
    "encoder.blocks.": "blocks.blocks.",
    "encoder.norm.": "norm.",
    "encoder.class_tokens": "cls_token",
    "encoder.class_positions": "cls_pos",
}
PREFIXES = {
    "point_mae": "module.MAE_encoder.",
    "pcp_mae": "module.MAE_encoder.",
    "recon": "module.MAE_encoder.",
    "point_bert": "module.transformer_q.",
}
OTHERS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "point_jepa": {"predictor.norm.weight": (192,)},
    "point2vec": {"regressor.norm.weight": (384,)},
    "point_mae": {"module.increase_dim.0.weight": (96, 384, 1)},
    "pcp_mae": {
        "module.increase_dim.0.weight": (96, 384, 1),
        "module.MAE_encoder.mask_pos_token": (1, 1, 384),
    },
    "recon": {
        "module.increase_dim.0.weight": (96, 384, 1),
        "module.MAE_encoder.blocks.blocks.0.norm1_contrast.weight": (384,),
    },
    "point_bert": {"module.dvae.decoder.mlp.4.weight": (24, 512, 1)},
}
"""Family -> tensors that files of it have beside the encoder's, and their shapes."""


def checkpoint(family: str) -> dict[str, Any]:
    """What a published file of `family` holds, with random weights."""
    settings = TeacherSettings(name=family, preset="small", weights="random")
    teacher = teacher_source(settings).build(0)
    state: dict[str, Tensor] = {
        published_name(family, name): tensor for name, tensor in teacher.state_dict().items()
    }
    state |= {name: torch.zeros(shape) for name, shape in OTHERS[family].items()}
    if family in PREFIXES:
        return {"base_model": state, "epoch": 300, "metrics": {"acc": 0.0}}
    sizes = {"transformation_subsample_points": 1024, "tokenizer_num_groups": 64}
    more = {"tokenizer_group_size": 32, "encoder_dim": 384, "encoder_depth": 12, "encoder_heads": 6}
    return {"state_dict": state, "hyper_parameters": sizes | more, "epoch": 499}


def published_name(family: str, name: str) -> str:
    """The name that files of `family` have for the tensor `name`."""
    table = VIT if family in PREFIXES else LIGHTNING
    start = next(ours for ours in table if name.startswith(ours))
    rest = name.removeprefix(start)
    if start == "tokenizer.":
        layer = next(ours for ours in MINI_POINTNET if rest.startswith(ours))
        rest = MINI_POINTNET[layer] + rest.removeprefix(layer)
    if family == "pcp_mae" and start == "positions.":
        rest = re.sub(r"^\d+", lambda found: str(int(found[0]) - 1), rest)
    rest = rest.replace(".mlp.0.", ".mlp.fc1.").replace(".mlp.2.", ".mlp.fc2.")
    return PREFIXES.get(family, "") + table[start] + rest


if __name__ == "__main__":
    sys.exit(main())
