"""The pictures of sweeps over many tasks, with the words under each."""

from collections.abc import Sequence
from functools import partial

from foundry_bench.report.corruptions import Corruptions
from foundry_bench.report.figures.corruptions import draw_corruptions
from foundry_bench.report.figures.generality import LINEAR, NEAR, draw_matrix
from foundry_bench.report.figures.similarity import draw_similarity
from foundry_bench.report.matrices import Matrix
from foundry_bench.report.picture import INTERVALS, Picture
from foundry_bench.report.similarity import Similarity
from foundry_bench.report.wording import and_list


def picture_tasks(
    matrix: Matrix | None, similarity: Similarity | None, corruptions: Sequence[Corruptions]
) -> list[Picture]:
    """The matrix of backbones and tasks, how near tokens are to the teacher's, and what corrupted
    clouds cost, where there are any.
    """
    found = [] if matrix is None else [_matrix_picture(matrix)]
    if similarity is not None:
        found.append(_similarity_picture(similarity))
    for data in corruptions:
        found.append(_corruption_picture(data, f"_{data.task}" if len(corruptions) > 1 else ""))
    return found


def _matrix_picture(data: Matrix) -> Picture:
    names = and_list([student.name for student in data.students])
    untrained = sorted({row.task for row in data.rows if not row.measure.is_trained})
    scratch = (
        f" On {and_list(untrained)} nothing is trained: from scratch is random weights there."
        if untrained and any(student.variant == "scratch" for student in data.students)
        else ""
    )
    left_out = "" if data.has_all else " Further backbones are in the table of all tasks."
    caption = (
        "How far each backbone is from the teacher on each task, in points, paired by seed; at the"
        f" right the teacher's own result. The shaded band is {NEAR:g} point on both sides; the"
        f" axis is linear up to {LINEAR:g} points and logarithmic beyond. Main students are"
        f" filled. {INTERVALS}.{scratch}{left_out}"
    )
    return Picture(
        "generality",
        "Every task, against the teacher",
        caption,
        f"A row a task, {len(data.rows)} in all: differences to the teacher of {names}.",
        tuple(data.lines()),
        partial(draw_matrix, data),
    )


def _similarity_picture(data: Similarity) -> Picture:
    students = and_list([student.name for student in data.students])
    caption = (
        "What final tokens have in common with the teacher's, on test clouds before any task's"
        " training, and how far the results are from the teacher's, in points. A small point is one"
        " task of the figure above, a large one the mean over them; the cross is the teacher. The"
        " cosine is between tokens as the distillation compares them; linear CKA does not see a"
        f" rotation or scale of all tokens. Main students are filled. {INTERVALS}, across."
    )
    return Picture(
        "token_similarity",
        "Results against the similarity of tokens",
        caption,
        f"Results of {students} on all tasks over how near their tokens are to the teacher's.",
        tuple(data.lines()),
        partial(draw_similarity, data),
    )


def _corruption_picture(data: Corruptions, own: str) -> Picture:
    kinds = and_list([kind.replace("_", " ") for kind in data.kinds])
    over = (
        ", over severities, a panel a kind of corruption"
        if len(data.severities) > 1
        else ", by kind of corruption at the default severity"
    )
    caption = (
        f"What corrupted test clouds cost: {data.clean.label} on clean clouds less that on"
        f" corrupted ones, paired by seed{over} ({data.task.replace('_', ' ')}). Main students are"
        f" filled. {INTERVALS}."
    )
    return Picture(
        f"corruption{own}",
        "Accuracy lost on corrupted clouds",
        caption,
        f"Accuracy lost under {kinds}, for {len(data.damages)} backbones.",
        tuple(data.lines()),
        partial(draw_corruptions, data),
    )
