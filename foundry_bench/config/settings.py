"""The base of everything a user can set, and the settings that all parts share."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    Strict,
    model_validator,
)

T = TypeVar("T")
Seq = Annotated[tuple[T, ...], Strict(strict=False)]
"""A YAML list, kept as a tuple so that settings stay hashable and cannot change."""
Pair = Annotated[tuple[T, T], Strict(strict=False)]
"""A YAML list of two."""

Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""0 to 2^63 - 1."""


def later(default: object, **limits: Any) -> Any:
    """A pydantic field that dumps leave out at its default.

    For settings that came after stages and trials had been stored: the keys of those, made of
    dumps, stay as they are.
    """
    return Field(default, exclude_if=lambda value: value == default, **limits)


class Settings(BaseModel):
    """Frozen, strict settings: an unknown key or a value of the wrong type is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class NamedSettings(Settings):
    """Settings of a registered class: `name` says which."""

    name: str


class TeacherSettings(NamedSettings):
    """Which teacher, in which size, with which weights."""

    name: str = "point_jepa"
    preset: str = "tiny"
    """A file `experiments/teachers/<name>_<preset>.yaml`, or a path to such a file."""
    weights: str = "shipped"
    """`shipped`: the preset's own weights; `random`: none; otherwise a path to safetensors."""


class Geometry(Settings):
    """How clouds are cut into patches."""

    points: PositiveInt
    patches: PositiveInt
    patch_size: PositiveInt


class OptimizerSettings(Settings):
    """AdamW with linear warm-up and a cosine to zero."""

    epochs: PositiveInt
    batch: PositiveInt = 64
    lr: PositiveFloat = 1e-3
    weight_decay: float = Field(0.05, ge=0)
    eps: PositiveFloat = 1e-8
    """Added to the root of AdamW's second moment: gradients far below it move nothing."""
    warmup: float = Field(0.1, ge=0, lt=1)
    """Share of all steps in which the learning rate rises linearly."""
    clip: PositiveFloat | None = 5.0
    """Largest gradient norm; null: any."""
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    """Of matrix products. `auto`: bfloat16 where the device has instructions for it (a CUDA GPU of
    compute capability 8 and up, a CPU with AMX or AVX512-BF16), else float32; keys and records have
    the one that was taken.
    """
    lr_floor: float | None = later(None, ge=0)
    """Learning rate at the end of the cosine, and before the warm-up; null: 0, and 1e-6 in
    fine-tuning under `protocol: literature`.
    """
    lr_start: float | None = later(None, ge=0)
    """Learning rate before the warm-up, where it is not `lr_floor`."""
    lr_per: Literal["step", "epoch"] | None = later(None)
    """When the learning rate changes; null: with each step, and with each epoch in fine-tuning
    under `protocol: literature`.
    """
    steps_per_epoch: PositiveInt | None = later(None)
    """Optimiser steps of an epoch at most, for trying things out; null: as many as see each cloud
    once.
    """
    decay_vectors: bool = later(False)
    """Weight decay of biases, norms and single tokens too, not of matrices alone."""


class LossSettings(Settings):
    """What is minimised between student and teacher tokens."""

    name: Literal["smooth_l1", "mse", "cosine", "relational"] = "smooth_l1"
    """`relational`: of the cosines between the tokens of a cloud, instead of the tokens."""
    beta: PositiveFloat = 1.0
    """Where smooth-L1 turns linear (the paper does not say; Point-JEPA pre-trains with 2)."""
    target_norm: Literal["layer", "none"] = "layer"
    """LayerNorm without affine on the teacher's tokens, as in Point-JEPA's own objective."""


Part = Literal["tokenizer", "encoder"]


class DistillSettings(OptimizerSettings):
    """Distillation of the teacher's tokens."""

    epochs: PositiveInt = 8
    loss: LossSettings = LossSettings()
    trainable: Seq[Part] = ("encoder",)
    """Which of the parts copied from the teacher train; compression and upsampling always do."""


class FinetuneSettings(OptimizerSettings):
    """Fine-tuning of a backbone with a head on one task."""

    epochs: PositiveInt = 12
    batch: int = Field(64, ge=2)
    """At least 2: the head has a batch norm."""
    trainable: Seq[Part] | Literal["head"] = ("encoder",)
    """Which of the backbone's parts train; compression, upsampling and the head always do. `head`:
    the head alone, and nothing of the backbone.
    """
    unfreeze_at: float = Field(0.0, ge=0, lt=1)
    """Share of the training in which the encoder waits, if it is among `trainable`, while the rest
    trains.
    """
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    dropout: float = Field(0.5, ge=0, lt=1)
    """In the head, as in the teacher's code."""
    drop_path: float = later(0.0, ge=0, lt=1)
    """Stochastic depth at the encoder's last block; it grows linearly from 0 at the first."""
    frozen_mode: Literal["eval", "train"] | None = later(None)
    """Mode of the parts that do not train: with `train` their batch norms follow the batches and
    their paths drop, as in the published code; null: `eval`, and `train` under
    `protocol: literature`.
    """
    selection: Literal["last", "val"] = "last"
    """`last`: the last epoch's weights; `val`: the best epoch on a fixed tenth of train."""


class ViewSettings(Settings):
    """How clouds are augmented while training."""

    count: PositiveInt | Literal["online"] = 4
    """Fixed augmented views of each cloud, whose tokens are cached; `online`: a new view a step."""
    patches: Literal["cached", "fresh"] = "cached"
    """`cached`: FPS and kNN once a cloud (augmentation by similarities); `fresh`: once a view."""
    rotate: Literal["up", "none"] = "up"
    scale: Pair[float] = (0.8, 1.2)
    """Range of the uniform scale."""
    scale_per_axis: bool = False
    shift: float = Field(0.0, ge=0)
    """Largest translation along each axis."""
    normalize: bool = False
    """Centre the view and scale it to the unit sphere, after all else."""
    seed: Seed = 0
    """Of the fixed views; not the trial's seed, so that all trials share them."""

    @model_validator(mode="after")
    def _patches_survive(self) -> "ViewSettings":
        for name, reason in (
            ("scale_per_axis", "changes who is near whom"),
            ("normalize", "needs the points"),
        ):
            if getattr(self, name) and self.patches == "cached":
                raise ValueError(
                    f"{name}: it {reason}, so patches cannot be cached: set `patches: fresh` "
                    "beside it"
                )
        if not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"scale: must be a range 0 < low <= high, not {list(self.scale)}")
        return self


class TrainSettings(Settings):
    """All that trains a trial."""

    views: ViewSettings = ViewSettings()
    distill: DistillSettings = DistillSettings()
    finetune: FinetuneSettings = FinetuneSettings()
    compile: bool = False
    """Distil through `torch.compile` if its losses are eager's, which some steps on copies tell
    first; the record's metric `compiled` says whether they were.
    """


class ResourceSettings(Settings):
    """What a trial may use. On CPU, by default, a trial for each core, one thread each; on GPUs a
    trial for each.
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"
    gpu: PositiveInt | Literal["auto"] | None = None
    """Trials that share a GPU; `auto`: the first has one to itself, and by the memory and time that
    it used as many as fit share one from then on; null: as `concurrent` says.
    """
    concurrent: PositiveInt | Literal["auto"] = "auto"
    """Trials that run at the same time, on all GPUs together; at most, with `gpu`."""
    threads: PositiveInt | Literal["auto"] = "auto"
    """CPU threads of a trial: cores / concurrent trials."""
    max_interleaved: PositiveInt = 8
    """Students at most that one worker distils side by side where they learn from the same batches
    (views that are drawn anew each time), which the teacher then sees once.
    """
