"""ReCon (arXiv 2302.02318); layout as in its official `models/ReCon.py` and
`models/transformer.py`.
"""

from foundry_bench.models.transformer import NormedSkipBlock
from foundry_bench.teachers.layouts import RECON
from foundry_bench.teachers.teacher import ViTTeacher


class Recon(ViTTeacher):
    """The encoder of ReCon: as Point-MAE's, with skip connections from behind the LayerNorms.

    Its three class tokens (class, image, text) read the patches' tokens by cross-attention of their
    own and are read by none, so no token depends on them: they are not computed.
    """

    layout = RECON
    tokenizer_bias = True
    qkv_bias = False
    block = NormedSkipBlock
