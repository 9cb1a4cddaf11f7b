from dataclasses import replace

import pytest
import torch

from foundry_bench.config.settings import FinetuneSettings
from foundry_bench.students.specialist import Specialist, SpecialistSettings
from foundry_bench.tasks.classification import Classification, ClassificationSettings
from foundry_bench.tasks.part_segmentation import PartSegmentation, PartSegmentationSettings
from foundry_bench.tasks.task import Task, TaskData
from foundry_bench.testing import tiny_dataset, tiny_teacher
from foundry_bench.testing.tiny import SPEC
from foundry_bench.training.specialise import Expert, LogitDistillation, agreement

TASKS = {
    "classification": Classification(ClassificationSettings()),
    "part_segmentation": PartSegmentation(PartSegmentationSettings()),
}


def clouds() -> TaskData:
    dataset = tiny_dataset()
    parts_NP = (dataset.points_NP3[..., 0] > 0).astype("int16")
    with_parts = replace(dataset, parts_NP=parts_NP, part_names=("left", "right"))
    return TaskData.from_patches(with_parts, SPEC, torch.device("cpu"))


def learning(task: Task, data: TaskData) -> LogitDistillation:
    teacher = tiny_teacher()
    student = Specialist(teacher, SpecialistSettings(supertokens=4))
    heads = [task.new_head(one, data.dataset, FinetuneSettings()) for one in (teacher, student)]
    assert heads[0] is not None
    assert heads[1] is not None
    expert = Expert(teacher, heads[0], task.answer).eval()
    questions = task.questions(student, data, "train")
    return LogitDistillation(student, heads[1], expert, questions, 2.0)


@pytest.mark.parametrize(("task", "answers"), [("classification", 4), ("part_segmentation", 128)])
def test_the_loss_is_the_mean_divergence_of_an_answer(task: str, answers: int) -> None:
    objective = learning(TASKS[task], clouds())
    objective.pupil.eval()
    asked, wanted = objective.batch(torch.arange(4), torch.Generator())
    found = objective.pupil(asked)
    assert found.shape == wanted.shape == (answers, 2)
    expert, pupil = ((logits / 2).softmax(-1) for logits in (wanted, found))
    divergence = (expert * (expert / pupil).log()).sum(-1).mean()
    torch.testing.assert_close(objective.loss((asked, wanted)), 4 * divergence)


@pytest.mark.parametrize("task", sorted(TASKS))
def test_an_expert_agrees_with_itself_and_teaches_without_gradient(task: str) -> None:
    data = clouds()
    objective = learning(TASKS[task], data)
    asked, wanted = objective.batch(torch.arange(4), torch.Generator())
    assert not wanted.requires_grad
    assert objective.loss((asked, wanted)).requires_grad
    test = TASKS[task].questions(tiny_teacher(), data, "test")
    assert agreement(objective.pupil, objective.pupil, test) == 1.0


def test_agreement_is_the_share_of_equal_answers() -> None:
    data = clouds()
    task = TASKS["part_segmentation"]
    objective = learning(task, data)
    questions = task.questions(tiny_teacher(), data, "test")
    pupil, other = objective.pupil, learning(task, data).pupil.eval()
    pupil.eval()
    (asked,) = questions.chunks()
    expected = (pupil(asked).argmax(-1) == other(asked).argmax(-1)).double().mean().item()
    assert agreement(pupil, other, questions) == pytest.approx(expected)


def test_a_specialist_does_not_keep_the_drop_path_of_pretraining() -> None:
    teacher, data = tiny_teacher(), clouds()
    teacher.set_drop_path(0.9)
    student = Specialist(teacher, SpecialistSettings(supertokens=4))
    task = TASKS["classification"]
    head = task.new_head(student, data.dataset, FinetuneSettings())
    assert head is not None
    expert = Expert(teacher, head, task.answer).eval()
    LogitDistillation(student, head, expert, task.questions(student, data, "train"), 2.0)
    assert [block.drop_path for block in student.encoder.blocks] == [0.0, 0.0]
