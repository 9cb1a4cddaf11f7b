"""point2vec (arXiv 2303.16570); layout as in its official `point2vec/models/point2vec.py`."""

from foundry_bench.teachers.layouts import POINT2VEC
from foundry_bench.teachers.teacher import ViTTeacher


class Point2Vec(ViTTeacher):
    """The encoder of point2vec: that of Point-JEPA, which was built on it, with other weights."""

    layout = POINT2VEC
