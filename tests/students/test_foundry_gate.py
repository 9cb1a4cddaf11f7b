from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from foundry_bench.config.settings import TrainSettings
from foundry_bench.geometry.patches import Patches
from foundry_bench.models.backbone import Embedding
from foundry_bench.seeds import seeded
from foundry_bench.students.foundry import Foundry, FoundrySettings
from foundry_bench.students.foundry_gate import (
    FoundryGate,
    FoundryGateSettings,
    Gated,
    PaperGate,
    PaperGateSettings,
)
from foundry_bench.students.student import Lesson, Reconstruction, Student
from foundry_bench.teachers.teacher import Teacher
from foundry_bench.testing import StudentContract, tiny_patches, tiny_teacher

TOKENS = 8


class TestFoundryGate(StudentContract):
    """Half of the tokens of a cloud are kept, so that both ways through the student count."""

    def student(self, teacher: Teacher, supertokens: int) -> Student:
        budget = max(supertokens, (supertokens + TOKENS) // 2)
        return FoundryGate(teacher, FoundryGateSettings(supertokens=supertokens, budget=budget))


class TestFoundryGateByThreshold(StudentContract):
    def student(self, teacher: Teacher, supertokens: int) -> Student:
        made = FoundryGate(teacher, FoundryGateSettings(supertokens=supertokens))
        torch.nn.init.zeros_(made.gate.layers[2].bias)
        return made


class TestPaperGate(StudentContract):
    """Its gate learns from its own loss alone, which the contract adds to the tokens'."""

    def student(self, teacher: Teacher, supertokens: int) -> Student:
        made = PaperGate(teacher, PaperGateSettings(supertokens=supertokens, gate_lambda=1.0))
        torch.nn.init.zeros_(made.gate.layers[2].bias)
        return made

    def test_what_is_frozen_gets_no_gradient_and_all_else_does(self) -> None:
        student = self.small(3).train()
        made = student.reconstruct(self.patches())
        penalty = student.penalty(made, lesson(made, torch.zeros_like(made.tokens_BCD)))
        assert penalty is not None
        made.tokens_BCD.square().sum().backward(retain_graph=True)
        grads = {name: each.grad for name, each in student.named_parameters()}
        gates = {name for name in grads if name.startswith("gate.")}
        assert {name for name, grad in grads.items() if grad is None} >= gates
        penalty.backward()
        assert all(student.get_parameter(name).grad is not None for name in gates)


class TestFoundryGateWithAnOracle(StudentContract):
    def student(self, teacher: Teacher, supertokens: int) -> Student:
        settings = FoundryGateSettings(
            supertokens=supertokens, budget=supertokens + 2, selection="oracle"
        )
        made = FoundryGate(teacher, settings)
        made.settle(teacher)
        return made

    def test_a_saved_backbone_is_the_same_when_loaded(self) -> None:
        """The oracle is no part of the weights: it knows the student that it was made for."""
        assert not [name for name in self.small(3).state_dict() if "oracle" in name]


class TestFoundryGateThatChoosesAtRandom(StudentContract):
    def student(self, teacher: Teacher, supertokens: int) -> Student:
        settings = FoundryGateSettings(
            supertokens=supertokens, budget=supertokens + 2, selection="random"
        )
        return FoundryGate(teacher, settings)


def gated(budget: int | None = None, **changes: Any) -> FoundryGate:
    settings = FoundryGateSettings(**{"supertokens": 3, "budget": budget, **changes})
    with seeded(0, "student"):
        return FoundryGate(tiny_teacher(), settings).eval()


def embedding(num_clouds: int = 3) -> Embedding:
    return gated().embed(tiny_patches(num_clouds))


def compressed(student: FoundryGate, given: Embedding) -> Gated:
    made = student.compress(given)
    assert isinstance(made, Gated)
    return made


def lesson(made: Reconstruction, targets: Tensor) -> Lesson:
    return Lesson(lambda: (made.tokens_BCD.detach() - targets).square().mean(-1))


def test_the_budget_of_the_supertokens_alone_is_foundry() -> None:
    student, given = gated(3), embedding()
    plain = Foundry(tiny_teacher(), FoundrySettings(supertokens=3)).eval()
    own = {name: value for name, value in student.state_dict().items() if "gate." not in name}
    plain.load_state_dict(own)
    torch.testing.assert_close(student.tokens(given), plain.tokens(given))
    torch.testing.assert_close(student.layers(given, (0,))[0], plain.layers(given, (0,))[0])


@pytest.mark.parametrize("budget", [TOKENS, TOKENS + 5])
def test_a_budget_of_all_tokens_is_the_teachers_sequence(budget: int) -> None:
    student, given = gated(budget), embedding()
    made = compressed(student, given)
    assert made.super_BSD.shape[1] == TOKENS
    assert torch.equal(made.super_BSD, given.tokens_BCD)
    assert made.activity()["encoder_tokens"].tolist() == [TOKENS] * 3
    torch.testing.assert_close(
        student.layers(given, (-1,))[0], tiny_teacher().layers(given, (-1,))[0]
    )


@pytest.mark.parametrize("budget", [3, 4, 6, 7])
def test_no_more_tokens_enter_than_the_budget(budget: int) -> None:
    made = compressed(gated(budget), embedding())
    assert made.super_BSD.shape[1] <= budget
    activity = made.activity()
    assert (activity["encoder_tokens"] <= budget).all()
    assert activity["kept_tokens"].tolist() == [budget - 3] * 3


def test_the_lowest_of_the_gate_are_kept() -> None:
    student, given = gated(5), embedding()
    made = compressed(student, given)
    kept_BC = made.supertoken_BC() < 0
    for cloud in range(3):
        lowest = made.logit_BC[cloud].sort().indices[:2]
        assert set(kept_BC[cloud].nonzero().flatten().tolist()) == set(lowest.tolist())


def test_the_threshold_keeps_what_lies_below_it() -> None:
    student, given = gated(), embedding()
    logits = torch.linspace(-2, 2, 3 * TOKENS).view(3, TOKENS)
    student.gate.forward = lambda tokens, positions: logits  # type: ignore[method-assign]
    made = compressed(student, given)
    assert torch.equal(made.supertoken_BC() < 0, logits.sigmoid() <= 0.5)
    assert made.activity()["kept_tokens"].tolist() == [8, 4, 0]
    assert made.mask_BS is not None
    assert made.super_BSD.shape[1] == made.mask_BS.sum(1).max()


def test_kept_tokens_are_alone_in_their_places() -> None:
    made = compressed(gated(5), embedding())
    given = embedding()
    for cloud in range(3):
        for token in (made.supertoken_BC()[cloud] < 0).nonzero().flatten().tolist():
            place = int(made.assign_BCS[cloud, token].argmax())
            assert made.assign_BCS[cloud, :, place].sum() == 1
            assert torch.equal(made.super_BSD[cloud, place], given.tokens_BCD[cloud, token])


def test_clouds_that_keep_less_do_not_see_the_padding() -> None:
    student, given = gated(), embedding()
    logits = torch.full((3, TOKENS), 1.0)
    logits[1] = -1
    student.gate.forward = lambda tokens, positions: logits[: len(tokens)]  # type: ignore[method-assign]
    alone = Embedding(given.tokens_BCD[:1], given.centers_BC3[:1])
    torch.testing.assert_close(student.tokens(given)[:1], student.tokens(alone))


def test_training_gives_the_values_of_evaluation() -> None:
    student, given = gated(5, assignment={"name": "dso_pos", "noise": "never"}), embedding()
    plain = student.tokens(given)
    torch.testing.assert_close(student.train().tokens(given), plain)


@pytest.mark.parametrize(("gradient", "reaches"), [("straight_through", True), ("none", False)])
def test_the_tokens_loss_reaches_the_gate_straight_through_or_not(
    gradient: str, reaches: bool
) -> None:
    student = gated(gate_gradient=gradient).train()
    torch.nn.init.zeros_(student.gate.layers[2].bias)
    student.tokens(embedding()).square().sum().backward()
    grads = [parameter.grad for parameter in student.gate.parameters()]
    assert all((grad is not None) == reaches for grad in grads)
    if reaches:
        assert all(bool(grad.abs().sum() > 0) for grad in grads if grad is not None)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_gates_own_loss_is_minus_lambda_times_pi(reduction: str) -> None:
    student = gated(gate_lambda=0.5, gate_reduction=reduction)
    made = student.reconstruct(embedding())
    gate_BC = compressed(student, embedding()).gate_BC()
    expected = gate_BC.mean() if reduction == "mean" else gate_BC.sum()
    found = student.penalty(made, lesson(made, torch.zeros(3, TOKENS, 24)))
    assert found is not None
    torch.testing.assert_close(found, -0.5 * expected)


def test_without_lambda_there_is_no_loss_of_the_gate() -> None:
    student = gated(gate_lambda=0)
    made = student.reconstruct(embedding())
    assert student.penalty(made, lesson(made, torch.zeros(3, TOKENS, 24))) is None


def test_a_gate_can_learn_who_is_reconstructed_worst() -> None:
    student, given = gated(gate_learns="error", budget=3), embedding(16)
    given = Embedding(given.tokens_BCD.detach(), given.centers_BC3)
    difficult_BC = given.centers_BC3[..., 0]
    errors_BC = torch.exp(difficult_BC)
    optimizer = torch.optim.Adam(student.gate.parameters(), lr=1e-2)
    for _ in range(100):
        made = student.reconstruct(given)
        loss = student.penalty(made, Lesson(lambda: errors_BC))
        assert loss is not None
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    logit_BC = compressed(student, given).logit_BC
    together = torch.corrcoef(torch.stack([logit_BC.flatten(), difficult_BC.flatten()]))[0, 1]
    assert together < -0.9


def test_a_random_budget_is_drawn_in_training_alone() -> None:
    student, given = gated(distill_budget="random"), embedding()
    with seeded(0):
        kept = {
            int(compressed(student.train(), given).activity()["kept_tokens"][0]) for _ in range(60)
        }
        assert kept == {0, 1, 2, 3, 4, TOKENS}
    assert torch.equal(student.eval().tokens(given), gated(3).tokens(given))


def test_the_oracle_keeps_those_that_are_reconstructed_worst() -> None:
    student, given = gated(5, selection="oracle"), embedding()
    teacher = tiny_teacher()
    student.settle(teacher)
    merged = gated(3)
    merged.load_state_dict(student.state_dict())
    found, wanted = (
        torch.nn.functional.layer_norm(backbone.tokens(given), (24,))
        for backbone in (merged, teacher)
    )
    errors_BC = (found - wanted).square().mean(-1)
    kept_BC = compressed(student, given).supertoken_BC() < 0
    for cloud in range(3):
        worst = errors_BC[cloud].sort(descending=True).indices[:2]
        assert set(kept_BC[cloud].nonzero().flatten().tolist()) == set(worst.tolist())


def test_the_oracle_stays_as_it_was_when_the_student_trains_on() -> None:
    student, given = gated(5, selection="oracle"), embedding()
    student.settle(tiny_teacher())
    before = compressed(student, given).supertoken_BC() < 0
    with torch.no_grad():
        for parameter in student.upsample.parameters():
            parameter.normal_()
    assert torch.equal(compressed(student, given).supertoken_BC() < 0, before)
    assert not [name for name in student.state_dict() if "oracle" in name]


def test_by_distance_the_tokens_farthest_from_their_mean_are_kept() -> None:
    student, given = gated(5, selection="distance"), embedding()
    compressed = student.eval().compress(given)
    kept_BC = compressed.supertoken_BC() < 0
    hard_BCS = student._assign(given, student.positions(given.centers_BC3))
    distance_BC = torch.stack(
        [
            torch.stack(
                [
                    (normed[c] - normed[hard[:, hard[c].argmax()] > 0].mean(0)).square().mean()
                    for c in range(len(normed))
                ]
            )
            for normed, hard in zip(
                torch.nn.functional.layer_norm(given.tokens_BCD, given.tokens_BCD.shape[-1:]),
                hard_BCS,
                strict=True,
            )
        ]
    )
    assert (kept_BC.sum(1) == 2).all()
    farthest_BC = distance_BC.argsort(1, descending=True)[:, :2]
    assert torch.equal(kept_BC.nonzero()[:, 1].view(-1, 2), farthest_BC.sort(1).values)


def test_evaluation_alone_decides_budget_and_selection() -> None:
    settings = FoundryGateSettings(supertokens=3, budget=5, selection="random", gate_lambda=0.1)
    assert settings.for_distillation() == FoundryGateSettings(supertokens=3, gate_lambda=0.1)


def test_the_gate_is_not_decayed_unless_asked_to() -> None:
    for decays in (False, True):
        parameters = list(gated(gate_weight_decay=decays).gate.parameters())
        marks = {bool(getattr(each, "no_weight_decay", False)) for each in parameters}
        assert marks == {not decays}


def test_the_papers_gate_has_its_settings() -> None:
    made = PaperGate(tiny_teacher(), PaperGateSettings(supertokens=3))
    assert (made.settings.gate_reduction, made.settings.gate_gradient) == ("sum", "none")
    assert made.settings.gate_lambda == 1e-11


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budget": 2}, "budget: 2 is less than the 3 SuperTokens"),
        ({"gate_lambda": -1e-3}, "greater than or equal to 0"),
        ({"selection": "oracle"}, "selection: 'oracle' needs a budget"),
        ({"selection": "oracle", "budget": 5, "tokenizer": {}}, "needs the teacher's own"),
        ({"gate_threshold": 1.0}, "less than 1"),
        ({"empty": "zero"}, "no place for an empty SuperToken"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FoundryGateSettings(**{"supertokens": 3, **changes})


@pytest.mark.parametrize("part", ["distill", "finetune"])
def test_an_oracle_needs_a_tokenizer_that_stays(part: str) -> None:
    settings = FoundryGateSettings(supertokens=3, budget=5, selection="oracle")
    settings.check_training(TrainSettings())
    trains = {part: {"trainable": ["tokenizer", "encoder"]}}
    with pytest.raises(ValueError, match="selection: 'oracle' needs the teacher's own tokenizer"):
        settings.check_training(TrainSettings.model_validate(trains))


@pytest.mark.parametrize("changes", [{"gate_lambda": 0.5}, {"gate_learns": "error"}])
def test_the_gates_own_loss_trains_nothing_but_the_gate(changes: dict[str, Any]) -> None:
    student = gated(**changes).train()
    student.freeze_all_but(student.parts)
    torch.nn.init.constant_(student.gate.layers[2].bias, 1.0)
    made = student.reconstruct(tiny_patches())
    penalty = student.penalty(made, lesson(made, torch.zeros_like(made.tokens_BCD)))
    assert penalty is not None
    penalty.backward()
    trained = {name for name, each in student.named_parameters() if each.grad is not None}
    assert trained == {f"gate.{name}" for name, _ in student.gate.named_parameters()}


def test_fewer_kept_tokens_cost_less() -> None:
    """The encoder gets a shorter sequence, not a longer one with a mask."""
    student, given = gated(), embedding()
    seen: list[int] = []
    student.encoder.register_forward_pre_hook(lambda module, args: seen.append(args[0].shape[1]))
    for budget in (3, 5, 7, 8):
        student.budget = budget
        student.tokens(given)
    assert seen[0] <= 3
    assert seen == sorted(seen)
    assert seen[-1] == TOKENS


def test_compression_makes_no_matrix_of_all_tokens_by_all_tokens() -> None:
    """Which a scene of 300,000 points has no room for."""
    num_tokens = 300
    given = Embedding(
        torch.randn(1, num_tokens, tiny_teacher().width), torch.rand(1, num_tokens, 3)
    )
    student = gated(TOKENS)
    with Largest() as largest, torch.no_grad():
        made = compressed(student, given)
    assert made.super_BSD.shape[1] <= TOKENS
    assert largest.numel < num_tokens * num_tokens / 2


class Largest(TorchDispatchMode):
    """Elements of the largest tensor that any operator returns."""

    numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for each in tree_leaves(out):
            if isinstance(each, Tensor):
                self.numel = max(self.numel, each.numel())
        return out


def test_patches_of_a_cloud_alone_do_not_matter_to_others() -> None:
    student, patches = gated(), tiny_patches(3)
    alone = Patches(patches.neighbors_BCK3[:1], patches.centers_BC3[:1])
    torch.testing.assert_close(student.tokens(patches)[:1], student.tokens(alone))
