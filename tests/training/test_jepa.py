import copy

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import Tensor

from foundry_bench.errors import FoundryError
from foundry_bench.seeds import seeded
from foundry_bench.testing import tiny_patches, tiny_teacher
from foundry_bench.training.jepa import Jepa, JepaSettings, draw_blocks, nearest_neighbor_order

CPU = torch.device("cpu")
SMALL = JepaSettings(predictor_width=12, predictor_depth=1, predictor_heads=3, ema=(0.9, 1.0))


def jepa() -> Jepa:
    with seeded(0):
        return Jepa(tiny_teacher(), SMALL)


def greedy_chain(centers: list[list[float]]) -> list[int]:
    """By the book: start at the smallest sum of coordinates, go on to the nearest that is left."""
    left = set(range(len(centers)))
    current = min(left, key=lambda one: sum(centers[one]))
    order = [current]
    left.remove(current)
    while left:
        here = centers[current]
        current = min(
            left, key=lambda one: sum((a - b) ** 2 for a, b in zip(here, centers[one], strict=True))
        )
        order.append(current)
        left.remove(current)
    return order


@pytest.mark.parametrize("num", [1, 2, 8, 40])
def test_the_order_is_the_greedy_chain(num: int) -> None:
    with seeded(num):
        centers = torch.randn(5, num, 3)
    expected = [greedy_chain(cloud) for cloud in centers.tolist()]
    assert nearest_neighbor_order(centers).tolist() == expected


def is_run(places: list[int], among: list[int]) -> bool:
    """Whether `places` stand side by side in `among`."""
    start = among.index(places[0])
    return among[start : start + len(places)] == places


@pytest.mark.parametrize("num_tokens", [8, 32, 64])
def test_blocks_are_contiguous_and_the_context_meets_no_target(num_tokens: int) -> None:
    settings = JepaSettings()
    lengths = set()
    for seed in range(50):
        with seeded(seed):
            blocks = draw_blocks(num_tokens, settings, CPU)
        targets = [target.tolist() for target in blocks.targets]
        assert len(targets) == 4
        assert len({len(target) for target in targets}) == 1
        assert all(is_run(target, list(range(num_tokens))) for target in targets)
        hidden = set().union(*targets)
        left = [place for place in range(num_tokens) if place not in hidden]
        context = blocks.context.tolist()
        assert is_run(context, left)
        assert max(1, int(0.4 * len(left))) <= len(context) <= 0.75 * len(left)
        lengths.add(len(targets[0]))
    assert lengths <= set(range(max(1, int(0.15 * num_tokens)), int(0.2 * num_tokens) + 1))


@pytest.mark.parametrize("share", [(0.0, 0.5), (0.5, 0.4), (0.5, 1.1)])
def test_impossible_shares_are_refused(share: tuple[float, float]) -> None:
    with pytest.raises(ValidationError, match="0 < low <= high <= 1"):
        JepaSettings(context_share=share)


@pytest.mark.parametrize(("num", "share"), [(8, 0.1), (5, 0.25)])
def test_targets_that_may_leave_no_context_are_refused(num: int, share: float) -> None:
    settings = JepaSettings(num_targets=num, target_share=(share, share))
    with pytest.raises(FoundryError, match=rf"objective: {num} targets of up to \d tokens"):
        Jepa(tiny_teacher(), settings)


def test_the_target_encoder_follows_by_the_formula() -> None:
    module = jepa()
    slow = copy.deepcopy(module.target_encoder.state_dict())
    with torch.no_grad():
        for parameter in module.teacher.encoder.parameters():
            parameter.add_(torch.rand_like(parameter))
    module.update_target(0.5)
    fast = module.teacher.encoder.state_dict()
    for name, value in module.target_encoder.state_dict().items():
        torch.testing.assert_close(value, 0.95 * slow[name] + 0.05 * fast[name])
    before = copy.deepcopy(module.target_encoder.state_dict())
    module.update_target(1.0)
    after = module.target_encoder.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_gradients_reach_all_but_the_target_encoder() -> None:
    module = jepa().train()
    with seeded(0):
        module(tiny_patches()).backward()
    for name, parameter in module.named_parameters():
        expected = not name.startswith("target_encoder")
        assert (parameter.grad is not None) == expected, name
        assert parameter.requires_grad == expected, name


def test_the_target_encoder_stays_in_eval() -> None:
    module = jepa().train()
    assert module.teacher.encoder.training
    assert not any(part.training for part in module.target_encoder.modules())


def test_the_loss_equals_the_objective_written_out() -> None:
    """One target after the other, through encoder, predictor and smooth-L1."""
    module, patches = jepa().eval(), tiny_patches()
    with seeded(3):
        found = module(patches)
    with seeded(3):
        blocks = draw_blocks(8, SMALL, CPU)
    order = nearest_neighbor_order(patches.centers_BC3)

    def sorted_(values: Tensor) -> Tensor:
        return torch.stack([row[places] for row, places in zip(values, order, strict=True)])

    tokens = sorted_(module.teacher.embed(patches).tokens_BCD)
    centers = sorted_(patches.centers_BC3)
    targets = module.target_encoder.hidden(tokens, module.teacher.positions(centers))[-1]
    near = centers[:, blocks.context]
    context = module.teacher.encoder(tokens[:, blocks.context], module.teacher.positions(near))
    losses = []
    for places in blocks.targets:
        predicted = module.predictor(context, near, centers[:, places])
        wanted = F.layer_norm(targets[:, places], (24,))
        losses.append(F.smooth_l1_loss(predicted, wanted, beta=2.0))
    torch.testing.assert_close(found, torch.stack(losses).mean())


def test_blocks_are_drawn_from_the_global_generator() -> None:
    module, patches = jepa().eval(), tiny_patches()
    found = []
    for seed in (0, 0, 1):
        with seeded(seed):
            found.append(module(patches).item())
    assert found[0] == found[1] != found[2]


def test_published_regularisation_acts_in_pretraining_alone() -> None:
    rates = {
        "dropout": 0.1,
        "attention_dropout": 0.05,
        "predictor_dropout": 0.2,
        "predictor_attention_dropout": 0.15,
        "predictor_drop_path": 0.25,
    }
    with seeded(0):
        made = Jepa(tiny_teacher(), SMALL.model_copy(update=rates))
    for block in (*made.teacher.encoder.blocks, *made.target_encoder.blocks):
        assert (block.dropout, block.attn.dropout) == (0.1, 0.1)
        assert block.attn.attention_dropout == 0.05
    for block in made.predictor.encoder.blocks:
        assert (block.dropout, block.attn.attention_dropout, block.drop_path) == (0.2, 0.15, 0.25)
    patches = tiny_patches()
    losses = []
    for model in (jepa().eval(), made.eval()):
        with seeded(1):
            losses.append(model(patches).item())
    assert losses[0] == losses[1]
    assert not any(block.dropout for block in tiny_teacher().encoder.blocks)


@pytest.mark.parametrize("name", ["dropout", "attention_dropout", "predictor_drop_path"])
def test_rates_of_zero_leave_no_trace_in_a_recipe(name: str) -> None:
    assert name not in JepaSettings().model_dump()
    assert JepaSettings.model_validate({name: 0.5}).model_dump()[name] == 0.5
