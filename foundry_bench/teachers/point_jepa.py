"""Point-JEPA (arXiv 2404.16432), the paper's teacher; layout as in its official
`pointjepa/models/point_jepa.py`.
"""

from foundry_bench.teachers.layouts import POINT_JEPA
from foundry_bench.teachers.teacher import ViTTeacher


class PointJepa(ViTTeacher):
    """The encoder of Point-JEPA: qkv bias, pre-norm, no class token, positions added before every
    block.
    """

    layout = POINT_JEPA
