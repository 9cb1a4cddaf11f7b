"""`precision: auto` is what a device is quick at, before keys are made of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from foundry_bench import precision
from foundry_bench.config.load import load_sweep
from foundry_bench.config.settings import OptimizerSettings
from foundry_bench.config.sweep import SweepConfig, TrialConfig
from foundry_bench.precision import is_quick, resolve, slow_lines
from foundry_bench.sweep.expand import expand, trial_id
from foundry_bench.training.loop import Objective, train_step
from foundry_bench.training.pretrain import PretrainRecipe, pretrain_stage
from foundry_bench.trial import plan_trial

Load = Callable[..., SweepConfig]
EVERYWHERE = ("train.distill.precision", "train.finetune.precision")


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    is_quick.cache_clear()
    yield
    is_quick.cache_clear()


@pytest.fixture
def has(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give this machine's CPU the named instructions for bfloat16, and no others."""

    def set_names(*names: str) -> None:
        is_quick.cache_clear()
        monkeypatch.setattr(precision, "_has_cpu", lambda name: name in names)

    return set_names


@pytest.fixture
def trials(tmp_path: Path) -> Callable[[str], list[TrialConfig]]:
    """The trials of a sweep whose schedules all have one precision."""

    def expanded(word: str) -> list[TrialConfig]:
        path = tmp_path / "sweep.yaml"
        path.write_text(
            "name: small\nquestion: q\nstudent: {name: foundry, supertokens: 4}\nseeds: [0]\n"
            "data: {name: shapes, train: 40, test: 40, unlabelled: 40}\n"
            f"tasks: [classification, {{name: few_shot, finetune: {{precision: {word}}}}}]\n"
        )
        return expand(load_sweep(path, [f"{place}={word}" for place in EVERYWHERE]), cores=2)

    return expanded


@pytest.mark.parametrize(
    ("names", "expected"),
    [((), "float32"), (("amx_bf16",), "bfloat16"), (("avx512_bf16",), "bfloat16")],
)
def test_a_cpu_is_asked_for_its_instructions(
    names: tuple[str, ...], expected: str, has: Callable[..., None]
) -> None:
    has(*names)
    assert resolve("auto", "cpu") == expected
    assert resolve("bfloat16", "cpu") == "bfloat16"
    assert resolve("float32", "cpu") == "float32"


@pytest.mark.parametrize(
    ("found", "expected"),
    [([], "bfloat16"), ([(8, 0)], "bfloat16"), ([(9, 0), (7, 5)], "float32")],
)
def test_a_gpu_is_asked_for_its_capability(
    found: list[tuple[int, int]], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(found))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda number: found[number])
    assert resolve("auto", "cuda") == expected


@pytest.mark.parametrize("word", ["float32", "bfloat16"])
def test_trials_and_stages_are_those_of_the_precision_that_was_taken(
    word: str, has: Callable[..., None], trials: Callable[[str], list[TrialConfig]]
) -> None:
    has(*(["amx_bf16"] if word == "bfloat16" else []))
    found, expected = trials("auto"), trials(word)
    assert found == expected
    assert list(map(trial_id, found)) == list(map(trial_id, expected))
    keys = [[stage.key for stage in plan_trial(trial)] for trial in (found[0], expected[0])]
    assert keys[0] == keys[1]


def test_a_trial_of_ones_own_is_planned_in_the_precision_that_is_taken(
    has: Callable[..., None], trials: Callable[[str], list[TrialConfig]]
) -> None:
    has()
    expected, *_ = trials("float32")
    distill = expected.train.distill.model_copy(update={"precision": "auto"})
    train = expected.train.model_copy(update={"distill": distill})
    own = expected.model_copy(update={"train": train})
    assert [each.key for each in plan_trial(own)] == [each.key for each in plan_trial(expected)]


def test_pretraining_has_the_key_of_the_precision_that_was_taken(has: Callable[..., None]) -> None:
    has()
    keys = {
        pretrain_stage(
            PretrainRecipe.model_validate(
                {
                    "teacher": {},
                    "data": {"name": "shapes", "train": 40, "test": 40, "unlabelled": 40},
                    "objective": {"name": "jepa"},
                    "optimizer": {"epochs": 1, "precision": word},
                }
            ),
            torch.device("cpu"),
        ).key
        for word in ("auto", "float32")
    }
    assert len(keys) == 1


class _Product(Objective[torch.Tensor]):
    """A product whose precision is seen."""

    def __init__(self) -> None:
        self.module = nn.Linear(2, 2)
        self.num_examples = 2
        self.seen: list[torch.dtype] = []

    def batch(self, rows_B: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        return torch.ones(len(rows_B), 2)

    def loss(self, batch: torch.Tensor) -> torch.Tensor:
        product = self.module(batch)
        self.seen.append(product.dtype)
        return product.float().mean()


def test_a_step_that_is_given_auto_takes_what_the_device_is_quick_at(
    has: Callable[..., None],
) -> None:
    objective = _Product()
    trained = list(objective.module.parameters())
    optimizer = torch.optim.SGD(trained, lr=0.1)
    settings = OptimizerSettings(epochs=1, precision="auto")
    for names in ((), ("amx_bf16",)):
        has(*names)
        train_step(objective, torch.ones(2, 2), trained, optimizer, 0.1, settings)
    assert objective.seen == [torch.float32, torch.bfloat16]


def test_a_forced_bfloat16_is_told_once_where_it_is_slow(
    has: Callable[..., None], trials: Callable[[str], list[TrialConfig]]
) -> None:
    has()
    assert len(slow_lines(trials("bfloat16"))) == 1
    assert slow_lines(trials("float32")) == slow_lines(trials("auto")) == []
    has("avx512_bf16")
    assert slow_lines(trials("bfloat16")) == []
