"""What every assignment must do. B clouds, C tokens, S SuperTokens, D width."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from foundry_bench.seeds import generator, seeded
from foundry_bench.students.assignments import Assignment
from foundry_bench.testing.backbone import random_mean

TOKENS, WIDTH, SUPERTOKENS = 10, 24, 4
Given = tuple[Tensor, Tensor, Tensor]


class AssignmentContract(ABC):
    """Override `assignment`, and the two attributes where they do not hold.

    Attributes:
        hard: each token goes to one SuperToken alone.
        noisy: training draws random numbers.
    """

    hard: ClassVar[bool] = True
    noisy: ClassVar[bool] = True

    @abstractmethod
    def assignment(self, width: int, supertokens: int) -> Assignment:
        """The assignment of tokens of `width`."""

    def small(self, supertokens: int = SUPERTOKENS) -> Assignment:
        """The assignment in eval mode, always with the same weights."""
        with seeded(0, "assignment"):
            return self.assignment(WIDTH, supertokens).eval()

    def given(self) -> Given:
        """Tokens, positions and centres of three clouds."""
        stream = generator(0, "tokens")
        tokens, positions = (torch.randn(3, TOKENS, WIDTH, generator=stream) for _ in range(2))
        return tokens, positions, torch.randn(3, TOKENS, 3, generator=stream)

    def test_each_token_is_assigned_as_a_whole(self) -> None:
        for supertokens in (1, SUPERTOKENS, TOKENS):
            for training in (True, False):
                assign_BCS = self.small(supertokens).train(training)(*self.given())
                assert assign_BCS.shape == (3, TOKENS, supertokens)
                assert (assign_BCS > -1e-6).all()
                torch.testing.assert_close(assign_BCS.sum(-1), torch.ones(3, TOKENS))
                if self.hard:
                    torch.testing.assert_close(assign_BCS.amax(-1), torch.ones(3, TOKENS))

    def test_noise_comes_in_training_only(self) -> None:
        drawn: dict[bool, list[Tensor]] = {}
        for training in (True, False):
            assignment = self.small().train(training)
            drawn[training] = []
            for seed in range(5):
                with seeded(seed):
                    drawn[training].append(assignment(*self.given()))
        assert all(torch.equal(drawn[False][0], other) for other in drawn[False])
        assert any(not torch.equal(drawn[True][0], other) for other in drawn[True]) == self.noisy

    def test_noise_is_that_of_the_global_generator(self) -> None:
        assignment = self.small().train()
        with seeded(3):
            first_BCS = assignment(*self.given())
        with seeded(3):
            assert torch.equal(assignment(*self.given()), first_BCS)

    def test_each_parameter_gets_a_gradient(self) -> None:
        assignment = self.small().train()
        tokens_BCD, positions_BCD, centers_BC3 = self.given()
        assign_BCS = assignment(tokens_BCD, positions_BCD, centers_BC3)
        gathered_BSD = assign_BCS.transpose(1, 2) @ assignment.values(tokens_BCD)
        if gathered_BSD.requires_grad:
            random_mean(gathered_BSD).backward()
        for name, parameter in assignment.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name

    def test_rows_follow_the_order_of_tokens(self) -> None:
        assignment = self.small()
        order = torch.randperm(TOKENS, generator=generator(0, "order"))
        mixed_BCS = assignment(*(part[:, order] for part in self.given()))
        torch.testing.assert_close(mixed_BCS, assignment(*self.given())[:, order])

    def test_values_keep_the_shape_of_tokens(self) -> None:
        tokens_BCD = self.given()[0]
        assert self.small().values(tokens_BCD).shape == tokens_BCD.shape

    def test_it_works_under_autocast_and_at_every_stage_of_annealing(self) -> None:
        assignment = self.small().train()
        for progress in (0.0, 0.5, 1.0):
            assignment.anneal(progress)
            with torch.autocast("cpu", torch.bfloat16):
                assert assignment(*self.given()).isfinite().all()
