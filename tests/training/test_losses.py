import pytest
import torch

from foundry_bench.config.settings import LossSettings
from foundry_bench.seeds import seeded
from foundry_bench.training.losses import normalized, normalized_errors, token_errors, token_loss

with seeded(0):
    STUDENT, TEACHER = torch.randn(2, 5, 8), 3 * torch.randn(2, 5, 8) + 1


def found(**settings: object) -> float:
    return token_loss(STUDENT, TEACHER, LossSettings.model_validate(settings)).item()


def test_targets_are_normalised_per_token_without_affine() -> None:
    token = TEACHER[1, 3]
    expected = (token - token.mean()) / (token.var(correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(normalized(TEACHER)[1, 3], expected)


@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_smooth_l1_is_quadratic_below_beta_and_linear_above(beta: float) -> None:
    difference = (STUDENT - TEACHER).abs()
    expected = torch.where(
        difference < beta, difference**2 / (2 * beta), difference - beta / 2
    ).mean()
    assert found(beta=beta, target_norm="none") == pytest.approx(expected.item(), rel=1e-5)


def test_mse_is_the_mean_of_all_squares() -> None:
    expected = (STUDENT - normalized(TEACHER)).square().sum() / STUDENT.numel()
    assert found(name="mse") == pytest.approx(expected.item(), rel=1e-5)


def test_cosine_ignores_the_length_of_tokens() -> None:
    usual = found(name="cosine", target_norm="none")
    scaled = token_loss(7 * STUDENT, TEACHER, LossSettings(name="cosine", target_norm="none"))
    assert scaled.item() == pytest.approx(usual, rel=1e-5)
    cosine = (STUDENT * TEACHER).sum(-1) / STUDENT.norm(dim=-1) / TEACHER.norm(dim=-1)
    assert usual == pytest.approx(1 - cosine.mean().item(), rel=1e-5)


@pytest.mark.parametrize("name", ["smooth_l1", "mse", "cosine"])
def test_a_perfect_student_has_no_loss(name: str) -> None:
    settings = LossSettings.model_validate({"name": name})
    assert token_loss(normalized(TEACHER), TEACHER, settings).item() == pytest.approx(0, abs=1e-6)


def test_losses_are_float32_of_any_input() -> None:
    loss = token_loss(STUDENT.bfloat16(), TEACHER.half(), LossSettings())
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(found(), rel=0.02)


def test_normalized_errors_do_not_depend_on_which_form_of_the_target_was_learned() -> None:
    spread = TEACHER.std(-1, correction=0, keepdim=True)
    raw_student = STUDENT * spread + TEACHER.mean(-1, keepdim=True)
    of_layer = normalized_errors(STUDENT, TEACHER, LossSettings())
    of_raw = normalized_errors(raw_student, TEACHER, LossSettings(target_norm="none"))
    torch.testing.assert_close(of_layer, of_raw, rtol=1e-4, atol=1e-4)


def test_normalized_errors_of_a_cosine_student_do_not_depend_on_its_scale() -> None:
    settings = LossSettings(name="cosine")
    usual = normalized_errors(STUDENT, TEACHER, settings)
    torch.testing.assert_close(
        normalized_errors(5 * STUDENT, TEACHER, settings), usual, rtol=1e-3, atol=1e-3
    )


def test_relational_compares_the_cosines_between_tokens() -> None:
    square = 0.0
    for cloud in range(2):
        for one in range(5):
            for other in range(5):
                mine, theirs = (
                    torch.cosine_similarity(tokens[cloud, one], tokens[cloud, other], dim=0)
                    for tokens in (STUDENT, TEACHER)
                )
                square += (mine - theirs).square().item()
    expected = square / (2 * 5 * 5)
    assert found(name="relational", target_norm="none") == pytest.approx(expected, rel=1e-4)


def test_relational_leaves_any_rotation_open() -> None:
    rotation, _ = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(0)))
    settings = LossSettings(name="relational", target_norm="none")
    assert token_loss(TEACHER @ rotation, TEACHER, settings) < 1e-10
    assert found(name="relational") > 1e-3


@pytest.mark.parametrize("name", ["smooth_l1", "mse", "cosine", "relational"])
@pytest.mark.parametrize("norm", ["layer", "none"])
def test_errors_of_tokens_are_those_of_clouds(name: str, norm: str) -> None:
    settings = LossSettings.model_validate({"name": name, "target_norm": norm})
    errors_BC = token_errors(STUDENT, TEACHER, settings)
    assert errors_BC.shape == (2, 5)
    torch.testing.assert_close(errors_BC.mean(1), normalized_errors(STUDENT, TEACHER, settings))


@pytest.mark.parametrize("name", ["smooth_l1", "mse", "cosine", "relational"])
def test_losses_are_float32_under_autocast_too(name: str) -> None:
    usual = found(name=name)
    with torch.autocast("cpu", torch.bfloat16):
        assert found(name=name) == usual
