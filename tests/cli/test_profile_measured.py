"""`foundry-bench profile latency` and `memory`, as a user calls them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from foundry_bench.cli.main import app
from foundry_bench.record import Record, read_json
from foundry_bench.testing import tiny_preset


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The smallest teacher, hardly warmed up."""
    monkeypatch.setattr("foundry_bench.cost.timing.WINDOW_MS", 0.1)
    monkeypatch.setattr("foundry_bench.cost.timing.TURN_MS", 0.1)
    return ["--preset", str(tiny_preset(tmp_path)), "--threads", "1"]


def call(*words: str) -> Result:
    return CliRunner().invoke(app, ["profile", *words])


def test_latency_shows_a_row_for_each_way_and_keeps_records(
    tiny: list[str], tmp_path: Path
) -> None:
    words = ("--student", "foundry", "--supertokens", "2", "--batch", "1,2", "--rounds", "2")
    result = call("latency", *tiny, *words, "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    rows = [line for line in result.stdout.splitlines() if " eager fp32 " in line]
    assert [row.split("|")[1].strip() for row in rows] == ["teacher", "foundry s=2"] * 2
    assert "1 threads" in result.stdout
    paths = sorted((tmp_path / "out" / "stages").glob("*/record.json"))
    assert len(paths) == 4
    assert {read_json(path, Record).config["batch"] for path in paths} == {1, 2}


def test_a_record_tells_the_version_of_what_ran_it(tiny: list[str], tmp_path: Path) -> None:
    words = ("--student", "narrow", "--rounds", "2", "--ways", "eager,onnxruntime")
    result = call("latency", *tiny, *words, "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    paths = (tmp_path / "out" / "stages").glob("*/record.json")
    for record in (read_json(path, Record) for path in paths):
        assert ("onnxruntime" in record.packages) == (record.config["mode"] == "onnxruntime")


def test_memory_is_that_of_a_process_of_its_own(tiny: list[str]) -> None:
    result = call("memory", *tiny, "--student", "narrow", "--json")
    assert result.exit_code == 0, result.output
    teacher, narrow = json.loads(result.stdout)
    assert (teacher["student"], narrow["student"]) == ("teacher", "narrow")
    for row in (teacher, narrow):
        assert row["metrics"]["peak_rss_bytes"] > row["metrics"]["baseline_rss_bytes"] > 2**20
        assert (row["batch"], row["mode"], row["precision"]) == (1, "eager", "fp32")


def test_what_is_left_out_gives_exit_code_1(
    tiny: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("foundry_bench.cost.latency.make_ready", refuse)
    result = call("latency", *tiny, "--student", "narrow", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, [])
    assert "left out: narrow eager:fp32, batch 1: no" in result.stderr


@pytest.mark.parametrize("verb", ["latency", "memory"])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--ways", "fast"), "--ways: given 'fast', expected any of eager:fp32"),
        (("--batch", "0"), "--batch: given '0', expected numbers from 1 on"),
        (("--device", "tpu"), "--device: given 'tpu', expected cpu or cuda"),
        (("--device", "cuda"), "--device: torch finds no GPU here"),
        (("--student", "fundry"), "did you mean 'foundry'?"),
    ],
)
def test_a_mistake_is_one_message(
    verb: str, words: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    result = call(verb, *words)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output
