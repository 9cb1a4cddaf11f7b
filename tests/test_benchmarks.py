"""The programs in `benchmarks/`, as far as they can be checked in no time."""

import json
import shlex
import subprocess
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from typer.main import get_command

from foundry_bench.cli import profile

FOLDER = Path(__file__).parents[1] / "benchmarks"


def program(name: str) -> ModuleType:
    spec = spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("size", "device"), [("tiny", "cpu"), ("small", "cpu"), ("small", "cuda")])
def test_every_command_of_profile_all_is_one_that_there_is(size: str, device: str) -> None:
    steps = program("profile_all").planned(size, device, Path("out"))
    verbs: Any = get_command(profile.app)
    for _, words in steps:
        _, verb, *options = shlex.split(words)
        verbs.commands[verb].make_context(verb, options)
    assert {words.split()[1] for _, words in steps} == {"flops", "latency", "memory"}


def test_two_calls_are_compared_ratio_by_ratio(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repeats = program("latency_repeats")
    answers = [(1.0, 0.50), (1.0, 0.54), (1.0, 0.50), (1.0, 0.60)]

    def answer(command: list[str], **given: Any) -> SimpleNamespace:
        rows = [
            {
                "student": name,
                "supertokens": None,
                "budget": None,
                "batch": 1,
                "mode": "eager",
                "precision": "fp32",
                "metrics": {"ratio_to_teacher": ratio},
            }
            for name, ratio in zip(("teacher", "narrow"), answers.pop(0), strict=True)
        ]
        return SimpleNamespace(stdout=json.dumps(rows))

    monkeypatch.setattr(subprocess, "run", answer)
    monkeypatch.setattr("sys.argv", ["latency_repeats"])
    assert repeats.main() == 0
    assert "| narrow | 1 | eager fp32 | 0.500 | 0.540 | 7.7% |" in capsys.readouterr().out
    assert repeats.main() == 1
    assert "worst: 18.2%, expected at most 10%" in capsys.readouterr().out
