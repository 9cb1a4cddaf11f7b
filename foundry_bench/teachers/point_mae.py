"""Point-MAE (arXiv 2203.06604); layout as in its official `models/Point_MAE.py`, pre-training."""

from foundry_bench.teachers.layouts import POINT_MAE
from foundry_bench.teachers.teacher import ViTTeacher


class PointMae(ViTTeacher):
    """The encoder of Point-MAE as it is pre-trained: biases throughout the tokenizer, none for
    queries, keys and values, no class token (fine-tuning adds one).
    """

    layout = POINT_MAE
    tokenizer_bias = True
    qkv_bias = False
