"""The one error a user is meant to read."""


class FoundryError(Exception):
    """What was given, what was expected, and what to do: printed as one message, exit code 2."""


class DivergedError(Exception):
    """A loss that is not finite ended a stage.

    Attributes:
        step: the optimiser step, counted from 0, whose loss was not finite.
    """

    def __init__(self, step: int, loss: float) -> None:
        super().__init__(f"the loss was {loss} at step {step}")
        self.step = step
