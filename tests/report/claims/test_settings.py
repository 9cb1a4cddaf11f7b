from pathlib import Path

import pytest

from foundry_bench.errors import FoundryError
from foundry_bench.report.claims.judge import CHECKS, load_claims
from foundry_bench.report.claims.settings import Claim

HEAD = "version: 1\npaper: Mine\nclaims:\n"


def _claim(check: str, name: str = "mine") -> str:
    return f"  - {{id: {name}, sentence: It is., place: Here, check: {check}}}\n"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (_claim("{name: trend}"), "give either `above` or `below`"),
        (_claim("{name: trend, above: 1.0, below: 2.0}"), "give either `above` or `below`"),
        (_claim("{name: tendency, above: 1.0}"), "tendency"),
        (_claim("{name: trend, above: 1.0, results: [accuracies]}"), "accuracies"),
        (_claim("{name: trend, above: 1.0, limit: 3}"), "limit: unknown field"),
        (_claim("{name: order, variants: [foundry]}"), "variants"),
        (_claim("{name: plateau}") * 2, "two claims are called 'mine'"),
        (_claim("{name: plateau}", "My claim"), "id: given 'My claim'"),
        ("  []\n", "claims"),
    ],
)
def test_faults_are_told_with_their_place(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text(HEAD + text)

    with pytest.raises(FoundryError) as raised:
        load_claims(path)

    assert fault in str(raised.value)
    assert "claims.yaml" in str(raised.value)


def test_a_missing_file_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(FoundryError, match="there is no such file"):
        load_claims(tmp_path / "nowhere.yaml")


def test_every_check_has_settings_and_every_settings_a_check() -> None:
    kinds = Claim.model_json_schema()["properties"]["check"]["discriminator"]["mapping"]

    assert set(kinds) == set(CHECKS)
