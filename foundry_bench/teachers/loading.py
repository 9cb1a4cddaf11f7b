"""Filling a module from a file, strictly: all of it, or an error that says what is wrong."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from pathlib import Path

import torch
from torch import Tensor, nn

from foundry_bench.errors import FoundryError
from foundry_bench.geometry.patches import PatchSpec
from foundry_bench.teachers.checkpoint import read_checkpoint
from foundry_bench.teachers.layouts import (
    Layout,
    family_of,
    lightning_faults,
    unwrapped,
)
from foundry_bench.teachers.notes import TEACHER, noted
from foundry_bench.teachers.teacher import Teacher, TeacherArchitecture

STEPS = "num_batches_tracked"
"""Of batch norms: older files lack it, and nothing here reads it."""
STATISTICS = {"running_mean": 0.0, "running_var": 1.0}
SHOWN = 5
"""Faults in a message."""
SEEN = 20
"""Keys of a file in a message."""
GEOMETRY = frozenset({"points", "patches", "patch_size"})
SIZES = {
    "width": ("encoder.norm.weight", 0),
    "tokenizer[0]": ("tokenizer.lift.weight", 0),
    "tokenizer[1]": ("tokenizer.pool.weight", 0),
    "tokenizer[2]": ("tokenizer.mix.weight", 0),
    "tokenizer_width": ("tokenizer.reduce.weight", 1),
    "position_hidden": ("positions.0.weight", 0),
}
"""Settings that tensors tell: name of ours and axis."""


@dataclass(frozen=True)
class Coverage:
    """What became of a file's tensors.

    Attributes:
        num_filled: tensors of the module that the file filled: all of them.
        ignored: how many tensors of the file belong to no encoder (decoders, heads, EMA copies), by
            the first part of their names.
        reset: running statistics of batch norms that the file has as NaN, as some published ones
            do: they became 0 (means) and 1 (variances), as in point2vec's own code.
    """

    num_filled: int
    ignored: Mapping[str, int] = field(default_factory=dict)
    reset: tuple[str, ...] = ()


def load_weights(module: nn.Module, path: Path) -> None:
    """Fill `module` from a file with exactly its names.

    Raises:
        FoundryError: if the file is damaged, or its names or shapes are not exactly the module's.
    """
    checkpoint = read_checkpoint(path)
    state = checkpoint.state
    _fill(module, {name: name for name in state}, state, path, checkpoint.left_out)


def load_teacher(
    teacher: Teacher,
    architecture: TeacherArchitecture,
    path: Path,
    pretrained: PatchSpec | None = None,
) -> Coverage:
    """Fill `teacher` from a file of ours, or from one as the authors of its family publish it.

    Args:
        teacher: filled in place, or left as it was if anything does not fit.
        architecture: that of `teacher`.
        path: safetensors or a torch checkpoint.
        pretrained: the geometry that the file is expected to be pre-trained with, if it is not
            the architecture's.

    Raises:
        FoundryError: if the file is damaged, has to be trusted, is of another family, or does not
            fill each parameter.
    """
    checkpoint = read_checkpoint(path)
    notes = noted(checkpoint.metadata, path)
    made = notes.pop(TEACHER, architecture.name)
    if made != architecture.name:
        raise FoundryError(f"{path} does not fit {type(teacher).__name__}: it is of {made}")
    if teacher.layout is not None and teacher.layout.settings:
        refuse_settings(checkpoint.settings, path)
    state = _plainly_named(teacher, checkpoint.state, path)
    names = _names(teacher, state, path)
    told = _told(names, state) | _told_beside(teacher.layout, state, checkpoint.settings) | notes
    geometry = asdict(pretrained or architecture.patch_spec)
    _check_sizes(told, architecture.model_dump() | geometry, path)
    published = any(theirs != ours for theirs, ours in names.items())
    reset = _reset(names, state) if published else ()
    _fill(teacher, names, state, path, checkpoint.left_out)
    ignored = Counter(name.partition(".")[0] for name in state if name not in names)
    return Coverage(len(teacher.state_dict()), dict(sorted(ignored.items())), reset)


def refuse_settings(settings: Mapping[str, object], path: Path) -> None:
    """Refuse hyper-parameters of a Lightning file that no encoder here is built with.

    Raises:
        FoundryError: naming each that does not, or that is not known.
    """
    if faults := lightning_faults(settings):
        raise FoundryError(
            f"{path} has hyper-parameters that its weights cannot be used with here: "
            f"{'; '.join(faults)}. If one is of no consequence for the encoder, delete it from the "
            "file's `hyper_parameters`"
        )


def _plainly_named(teacher: Teacher, state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """`state` without what wrappers put before its names, if a family's file does not fit as it is;
    what looks like a wrapper may be a part of a teacher from outside.
    """
    layout = teacher.layout
    wanted = {name for name in teacher.state_dict() if not name.endswith(STEPS)}
    if layout is None or wanted <= state.keys() or wanted <= set(layout.translated(state).values()):
        return dict(state)
    plain: dict[str, str] = {}
    for name in state:
        other = plain.setdefault(unwrapped(name), name)
        if other != name:
            raise FoundryError(
                f"{path} does not fit {type(teacher).__name__}: {other} and {name} would be one "
                "tensor without what wrappers put before names; keep one of them"
            )
    return {ours: state[name] for ours, name in plain.items()}


def _names(teacher: Teacher, state: Mapping[str, Tensor], path: Path) -> dict[str, str]:
    """Names in the file -> names of the teacher's: all of a file of ours, else the encoder's."""
    own, layout = {name: name for name in state}, teacher.layout
    if layout is None:
        return own
    found = family_of(state)
    if found not in (None, layout.family):
        raise FoundryError(
            f"{path} does not fit {type(teacher).__name__}: by the names in it, it is of {found}"
        )
    wanted = teacher.state_dict()
    published = layout.translated(state)
    fills = [len(wanted.keys() & set(names.values())) for names in (published, own)]
    return published if fills[0] > fills[1] else own


def _told(names: Mapping[str, str], state: Mapping[str, Tensor]) -> dict[str, object]:
    """Settings of the architecture as the encoder's tensors tell them."""
    shapes = {ours: state[theirs].shape for theirs, ours in names.items()}
    told: dict[str, object] = {
        setting: shapes[ours][axis]
        for setting, (ours, axis) in SIZES.items()
        if ours in shapes and len(shapes[ours]) > axis
    }
    blocks = {ours.split(".")[2] for ours in shapes if ours.startswith("encoder.blocks.")}
    return told | ({"depth": len(blocks)} if blocks else {})


def _told_beside(
    layout: Layout | None, state: Mapping[str, Tensor], settings: Mapping[str, object]
) -> dict[str, object]:
    """Settings as decoders and hyper-parameters tell them."""
    if layout is None:
        return {}
    told: dict[str, object] = {**layout.sizes_in(settings)}
    if layout.points_rows and layout.points_rows[0] in state:
        name, rows = layout.points_rows
        told["patch_size"] = round(len(state[name]) / rows)
    return told


def _check_sizes(told: Mapping[str, object], given: Mapping[str, object], path: Path) -> None:
    wanted, widths = dict(given), given.get("tokenizer")
    if isinstance(widths, tuple):
        wanted |= {f"tokenizer[{number}]": width for number, width in enumerate(widths)}
    faults = {
        name: f"{name}: {value} in the file, {wanted[name]} in the preset"
        for name, value in told.items()
        if name in wanted and wanted[name] != value
    }
    if faults:
        hint = (
            ". To use weights on another geometry than they were pre-trained with, add that to the "
            "preset: `pretrained: {points: …, patches: …, patch_size: …}`"
        )
        raise FoundryError(
            f"{path} does not fit the teacher's preset: {'; '.join(faults.values())}"
            + (hint if faults.keys() & GEOMETRY else "")
        )


def _reset(names: Mapping[str, str], state: dict[str, Tensor]) -> tuple[str, ...]:
    """Give statistics in `state` that are not finite their first value; the names of those."""
    reset = []
    for theirs, ours in names.items():
        start = STATISTICS.get(ours.rpartition(".")[2])
        if start is not None and not state[theirs].float().isfinite().all():
            state[theirs] = torch.full_like(state[theirs], start)
            reset.append(theirs)
    return tuple(reset)


def _fill(
    module: nn.Module,
    names: Mapping[str, str],
    state: Mapping[str, Tensor],
    path: Path,
    left_out: Mapping[str, str],
) -> None:
    """Load `state`, its names changed to `names`."""
    wanted = module.state_dict()
    theirs = {ours: name for name, ours in names.items()}
    missing = [name for name in wanted if name not in theirs and not name.endswith(STEPS)]
    faults = [f"missing {name}{_nearest(name, names, state)}" for name in missing[:SHOWN]]
    faults += [f"missing {name}" for name in missing[SHOWN:]]
    faults += [
        f"two tensors for {ours}" for ours, num in Counter(names.values()).items() if num > 1
    ]
    faults += [f"unexpected {name}" for ours, name in theirs.items() if ours not in wanted]
    filled = dict(wanted)
    for ours in (name for name in wanted if name in theirs):
        value, expected = state[theirs[ours]], wanted[ours]
        if value.squeeze().shape != expected.squeeze().shape:
            shapes = f"{tuple(value.shape)}, expected {tuple(expected.shape)}"
            faults.append(f"{theirs[ours]} is {shapes}")
        elif expected.is_floating_point() and not value.is_floating_point():
            faults.append(f"{theirs[ours]} is of {value.dtype}, expected {expected.dtype}")
        elif not value.to(expected.dtype).isfinite().all():
            faults.append(f"{theirs[ours]} is not finite")
        else:
            filled[ours] = value.reshape(expected.shape)
    if faults:
        seen = _seen(state, left_out) if missing else ""
        raise FoundryError(
            f"{path} does not fit {type(module).__name__} ({len(faults)} faults, the first: "
            f"{'; '.join(faults[:SHOWN])}). {seen}"
            "Is the preset the one that the weights were made with?"
        )
    module.load_state_dict(filled)


def _seen(state: Mapping[str, Tensor], left_out: Mapping[str, str]) -> str:
    """The keys of a file, as many as a message has room for."""
    more = f", … ({len(state)} in all)" if len(state) > SEEN else ""
    unread = "".join(f"; not read: {name} ({kind})" for name, kind in left_out.items())
    return f"The file has {', '.join(list(state)[:SEEN])}{more}{unread}. "


def _nearest(name: str, names: Mapping[str, str], state: Mapping[str, Tensor]) -> str:
    """The file's name that is most like one of ours, in brackets."""
    known = {names.get(theirs, theirs): theirs for theirs in state}
    near = get_close_matches(name, list(known), n=1, cutoff=0)
    return f" (nearest in the file: {known[near[0]]})" if near else ""
