import pytest
import torch

from foundry_bench.seeds import derive, generator, seeded


def test_streams_of_one_seed_differ_and_so_do_seeds() -> None:
    streams = [derive(0), derive(0, "order"), derive(0, "noise"), derive(0, "order", 1), derive(1)]
    assert len(set(streams)) == len(streams)
    assert all(0 <= seed < 2**63 for seed in streams)


def test_streams_stay_what_they_are_between_versions() -> None:
    assert derive(0, "order", 1) == 610367673687440295


def test_a_generator_repeats_its_stream() -> None:
    first, again, other = (
        torch.rand(4, generator=generator(0, name)) for name in ("order", "order", "noise")
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_seeded_repeats_and_leaves_the_world_as_it_was() -> None:
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    with seeded(0, "noise"):
        first = torch.rand(4)
    assert torch.equal(torch.rand(4), expected)
    with seeded(0, "noise"):
        assert torch.equal(torch.rand(4), first)


def test_seeded_streams_differ() -> None:
    drawn = []
    for names in (("order", 1), ("order", 2), ("noise", 1)):
        with seeded(0, *names):
            drawn.append(torch.rand(1).item())
    assert len(set(drawn)) == 3


def test_seeded_restores_after_an_error() -> None:
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    try:
        with seeded(0):
            raise RuntimeError
    except RuntimeError:
        pass
    assert torch.equal(torch.rand(4), expected)


def test_a_gpu_that_nothing_used_stays_unused(monkeypatch: pytest.MonkeyPatch) -> None:
    def use() -> int:
        raise AssertionError("this would make the process one that computes on the GPU")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", use)
    with seeded(0, "noise"):
        assert torch.rand(1).item() < 1
