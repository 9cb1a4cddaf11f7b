"""Beyond the paper: `foundry` with a cheaper tokenizer, distilled together with the SuperTokens."""

from typing import ClassVar

from foundry_bench.students.foundry import Foundry, FoundrySettings
from foundry_bench.students.light import LightSettings


class LightTokenizerSettings(FoundrySettings):
    """As of `foundry`; a `tokenizer` goes with `foundry_gate` too."""

    name: str = "light_tokenizer"
    tokenizer: LightSettings | None = LightSettings()


class LightTokenizerStudent(Foundry):
    """Its tokenizer is its own; encoder and positions start as the teacher's."""

    Settings: ClassVar[type[LightTokenizerSettings]] = LightTokenizerSettings
