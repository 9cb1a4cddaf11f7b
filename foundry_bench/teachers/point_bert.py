"""Point-BERT (arXiv 2111.14819); layout as in its official `models/Point_BERT.py`."""

from pydantic import PositiveInt

from foundry_bench.models.tokenizer import PatchTokenizer
from foundry_bench.teachers.layouts import POINT_BERT
from foundry_bench.teachers.teacher import ViTSettings, ViTTeacher


class PointBertSettings(ViTSettings):
    """A ViT whose tokenizer has a width of its own."""

    tokenizer_width: PositiveInt = 256
    """Of what the tokenizer gives before a linear layer makes it `width` wide."""


class PointBert(ViTTeacher):
    """The encoder of Point-BERT: the tokenizer is that of a dVAE and narrower than the blocks, a
    learned class token with a learned position goes through the blocks, and queries, keys and
    values have no bias.
    """

    Settings = PointBertSettings
    layout = POINT_BERT
    tokenizer_bias = True
    qkv_bias = False
    num_class_tokens = 1

    def make_tokenizer(self, settings: ViTSettings) -> PatchTokenizer:
        """The dVAE's mini-PointNet and the linear layer behind it."""
        assert isinstance(settings, PointBertSettings)
        return PatchTokenizer(
            settings.tokenizer,
            settings.width,
            bias=self.tokenizer_bias,
            pooled_width=settings.tokenizer_width,
        )
