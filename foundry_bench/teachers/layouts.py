"""How published files name the parts of an encoder: a small table a family.

Read off the code that saves and loads them in the official repositories (each family's own file
here names its). A teacher says by `layout` which table is its own.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

WRAPPERS = ("module.", "model.", "base_model.", "_orig_mod.")
"""What data-parallel training, compilation and outer modules put before every name."""

SHARED = {
    "first_conv.0.": "lift.",
    "first_conv.1.": "lift_norm.",
    "first_conv.3.": "pool.",
    "second_conv.0.": "mix.",
    "second_conv.1.": "mix_norm.",
    "second_conv.3.": "out.",
    ".mlp.fc1.": ".mlp.0.",
    ".mlp.fc2.": ".mlp.2.",
}
"""Names inside the mini-PointNet and the blocks, the same in all families: theirs -> ours."""


@dataclass(frozen=True)
class Layout:
    """The names in one family's files.

    Attributes:
        family: the registered name of the teacher.
        names: how a name starts (a regular expression) -> how ours does.
        sign: a regular expression; files of pre-training have names that start so, those of the
            families further down in `LAYOUTS` have none.
        aside: names among the encoder's that no token depends on (a regular expression).
        points_rows: tensor with as many rows a point of a patch as the number says.
        parts: names inside the blocks that are this family's alone, theirs -> ours.
        settings: ours -> name of the setting in the hyper-parameters beside the tensors.
    """

    family: str
    names: Mapping[str, str]
    sign: str
    aside: str = r"(?!)"
    points_rows: tuple[str, float] | None = None
    parts: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    def translated(self, names: Iterable[str]) -> dict[str, str]:
        """Names of the encoder's tensors, theirs -> ours; all others are left out."""
        return {name: ours for name in names if (ours := self._ours(name)) is not None}

    def sizes_in(self, settings: Mapping[str, object]) -> dict[str, int]:
        """Sizes in the hyper-parameters `settings` of a file of this family, by our names."""
        further = LIGHTNING_SIZES if self.settings else {}
        # Of two settings for one size the latter counts: `num_points` is the size of a cloud
        # before `transformation_subsample_points` of them are taken.
        names = [(ours, theirs) for theirs, ours in further.items()] + [*self.settings.items()]
        return {ours: value for ours, theirs in names if type(value := settings.get(theirs)) is int}

    def _ours(self, name: str) -> str | None:
        if re.match(self.aside, name):
            return None
        for start, our_start in self.names.items():
            if found := re.match(start, name):
                rest = name[found.end() :]
                for theirs, ours in {**SHARED, **self.parts}.items():
                    rest = rest.replace(theirs, ours)
                return our_start + rest
        return None


def _vit(prefix: str) -> dict[str, str]:
    """What the families that grew from Point-BERT have in common."""
    return {
        rf"{prefix}encoder\.": "tokenizer.",
        rf"{prefix}pos_embed\.": "positions.",
        rf"{prefix}blocks\.blocks\.": "encoder.blocks.",
        rf"{prefix}norm\.": "encoder.norm.",
    }


LIGHTNING = {
    r"tokenizer\.embedding\.(?:encoder\.)?": "tokenizer.",
    r"(?:positional_encoding|pos_embedding)\.": "positions.",
    r"(?:student|encoder)\.(?=blocks\.|norm\.)": "encoder.",
}
LIGHTNING_SETTINGS = {
    "points": "transformation_subsample_points",
    "patches": "tokenizer_num_groups",
    "patch_size": "tokenizer_group_size",
    "heads": "encoder_heads",
}
LIGHTNING_SIZES = {
    "encoder_dim": "width",
    "encoder_depth": "depth",
    "num_points": "points",
}
"""Further hyper-parameters, theirs -> ours; tensors tell the first two as well."""
LIGHTNING_FIXED: dict[str, tuple[object, ...]] = {
    "tokenizer_group_radius": (None,),
    "encoder_add_pos_at_every_layer": (True,),
    "encoder_qkv_bias": (True,),
    "cls_head_pooling": ("mean+max", "mean", "max"),
}
"""Hyper-parameters that change what the encoder computes -> the values that are built here."""
LIGHTNING_ASIDE = re.compile(
    r"(?:predictor|decoder|regressor|d2v|ema|target|num_targets|context|loss|optimizer"
    r"|lr_scheduler|svm_validation|cls_head|seg_head|pretrained_ckpt|log|vote"
    r"|transformation_(?:scale|rotate|translate|height_normalize))(?:_\w+)?"
    r"|encoder_(?:dropout|attention_dropout|drop_path_rate|learning_rate)"
    r"|(?:encoder|tokenizer|positional_encoding)_(?:un)?freeze_\w+"
    r"|token_seq_method|learning_rate|fix_estimated_stepping_batches|train_transformations"
)
"""Hyper-parameters of no consequence for the encoder's tokens: objectives, optimisers, heads,
dropout, augmentation, the order of tokens.
"""
HEIGHT = "height_norm"
"""A transformation of the input that is not made here."""
POINTS = ("increase_dim.0.weight", 3)


def lightning_faults(settings: Mapping[str, object]) -> list[str]:
    """Faults of a Point-JEPA or point2vec file: hyper-parameters unknown or not built here."""
    faults = []
    for name, value in settings.items():
        if name in LIGHTNING_FIXED:
            known = LIGHTNING_FIXED[name]
            if not any(value is one or value == one for one in known):
                allowed = " or ".join(map(repr, known))
                faults.append(f"{name}: {value!r} in the file, only {allowed} is built here")
        elif name in {*LIGHTNING_SETTINGS.values(), *LIGHTNING_SIZES}:
            if type(value) is not int:
                faults.append(f"{name}: {value!r} in the file, expected an integer")
        elif name == "val_transformations":
            if isinstance(value, list | tuple) and HEIGHT in value:
                faults.append(f"{name}: {HEIGHT} in the file, which is not made here")
        elif not LIGHTNING_ASIDE.fullmatch(str(name)):
            faults.append(f"{name}: {value!r} in the file, which is not known here")
    return faults


PCP_MAE = Layout(
    "pcp_mae",
    {r"MAE_encoder\.pos_embed\.0\.": "positions.1.", r"MAE_encoder\.pos_embed\.2\.": "positions.3."}
    | _vit(r"MAE_encoder\."),
    sign=r"MAE_encoder\.mask_pos_token$",
    points_rows=POINTS,
)
RECON = Layout(
    "recon",
    _vit(r"(?:MAE_encoder\.)?"),
    sign=r"(?:MAE_encoder\.)?blocks\.blocks\.\d+\.\w+_contrast\.",
    aside=r"(?:MAE_encoder\.)?blocks\.blocks\.\d+\.\w+_contrast\.",
    points_rows=POINTS,
)
POINT_BERT = Layout(
    "point_bert",
    {
        r"(?:transformer_q\.)?reduce_dim\.": "tokenizer.reduce.",
        r"(?:transformer_q\.)?cls_token$": "encoder.class_tokens",
        r"(?:transformer_q\.)?cls_pos$": "encoder.class_positions",
    }
    | _vit(r"(?:transformer_q\.)?"),
    sign=r"(?:transformer_q\.)?reduce_dim\.",
    points_rows=("dvae.decoder.mlp.4.weight", 3 / 4),
)
POINT_MAE = Layout(
    "point_mae", _vit(r"MAE_encoder\."), sign=r"MAE_encoder\.blocks\.", points_rows=POINTS
)
POINT_JEPA = Layout("point_jepa", LIGHTNING, sign=r"predictor\.", settings=LIGHTNING_SETTINGS)
POINT2VEC = Layout("point2vec", LIGHTNING, sign=r"regressor\.", settings=LIGHTNING_SETTINGS)
POINT_GPT = Layout(
    "point_gpt",
    {
        r"GPT_Transformer\.encoder\.": "tokenizer.",
        r"GPT_Transformer\.blocks\.layers\.": "encoder.blocks.",
        r"GPT_Transformer\.blocks\.ln_f\.": "encoder.norm.",
        r"GPT_Transformer\.blocks\.sos$": "encoder.class_tokens",
        r"GPT_Transformer\.sos_pos$": "encoder.class_positions",
        # Whatever else is there is no name of ours, and so is refused.
        r"GPT_Transformer\.": "GPT_Transformer.",
    },
    sign=r"GPT_Transformer\.",
    # The generator, what draws points, and a norm that the official code makes and never calls.
    aside=r"GPT_Transformer\.(?:generator_blocks|blocks\.increase_dim|norm)\.",
    points_rows=("GPT_Transformer.blocks.increase_dim.0.weight", 3),
    parts={
        ".ln_1.": ".norm1.",
        ".ln_2.": ".norm2.",
        ".attn.in_proj_": ".attn.qkv.",
        ".attn.out_proj.": ".attn.proj.",
    },
)
CLASSIFIER = Layout("a fine-tuned Point-MAE or PCP-MAE classifier", {}, sign=r"blocks\.blocks\.")
"""Their class token, which pre-training lacks, changes all tokens: no teacher here."""
GPT_CLASSIFIER = Layout("a fine-tuned PointGPT classifier", {}, sign=r"blocks\.layers\.\d+\.ln_1\.")
"""Likewise: its class token comes before all patches."""

LAYOUTS = (
    *(PCP_MAE, RECON, POINT_BERT, POINT_MAE, POINT_JEPA, POINT2VEC, POINT_GPT),
    *(CLASSIFIER, GPT_CLASSIFIER),
)


def family_of(names: Iterable[str]) -> str | None:
    """The family that the names of a file are of, as far as names tell."""
    known = list(names)
    for layout in LAYOUTS:
        if any(re.match(layout.sign, name) for name in known):
            return layout.family
    return None


def unwrapped(name: str) -> str:
    """A name without what wrappers put before it."""
    for wrapper in WRAPPERS:
        if name.startswith(wrapper):
            return unwrapped(name.removeprefix(wrapper))
    return name
