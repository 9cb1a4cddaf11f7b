import torch
from torch import Tensor

from foundry_bench.seeds import generator, seeded
from foundry_bench.students.assignments import Assignment
from foundry_bench.students.assignments.soft import Soft, SoftSettings
from foundry_bench.testing import AssignmentContract


class TestSoft(AssignmentContract):
    hard = False
    noisy = False

    def assignment(self, width: int, supertokens: int) -> Assignment:
        return Soft(SoftSettings(name="soft", temperature_end=0.1), width, supertokens)


def given() -> tuple[Tensor, Tensor, Tensor]:
    stream = generator(0, "given")
    tokens, positions = (torch.randn(2, 10, 24, generator=stream) for _ in range(2))
    return tokens, positions, torch.randn(2, 10, 3, generator=stream)


def test_shares_are_the_softmax_of_query_times_key() -> None:
    tokens, positions, centers = given()
    with seeded(0):
        made = Soft(SoftSettings(name="soft", temperature=2.0), 24, 5).eval()
    queries = made.query(made.supertokens_SD)
    keys = made.key(made.norm(tokens)) + made.position_key(made.position_norm(positions))
    found = made(tokens, positions, centers)
    for cloud in range(2):
        for token in range(10):
            scores = torch.stack([query @ keys[cloud, token] for query in queries])
            shares = (scores / 24**0.5 / 2.0).exp()
            torch.testing.assert_close(found[cloud, token], shares / shares.sum())
