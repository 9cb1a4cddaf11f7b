"""The files of the rehearsal are read as those that are published, and two sweeps run on them."""

from pathlib import Path

import pytest

from benchmarks import rehearse
from foundry_bench.config.settings import TeacherSettings
from foundry_bench.teachers.layouts import family_of, unwrapped
from foundry_bench.teachers.preset import teacher_source


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("rehearsal")
    rehearse.write_archives(made / "data")
    rehearse.write_checkpoints(made / "teachers")
    return made


def test_names_are_those_of_the_family() -> None:
    for family in rehearse.FAMILIES:
        source = teacher_source(TeacherSettings(name=family, preset="small", weights="random"))
        names = [rehearse.published_name(family, name) for name in source.build().state_dict()]
        assert len(set(names)) == len(names)
        published = map(unwrapped, [*names, *rehearse.OTHERS[family]])
        assert family_of(published) == family


@pytest.mark.slow
@pytest.mark.parametrize("family", rehearse.FAMILIES)
def test_a_checkpoint_fills_its_teacher(folder: Path, family: str) -> None:
    weights = str(folder / "teachers" / f"{family}.pth")
    settings = TeacherSettings(name=family, preset="small", weights=weights)
    _, coverage = teacher_source(settings).covered()
    assert coverage is not None
    assert sum(coverage.ignored.values()) == len(rehearse.OTHERS[family])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["losses", "gate"])
def test_a_sweep_of_the_papers_size_is_planned_and_runs_for_a_moment(
    folder: Path, name: str
) -> None:
    lines = list(rehearse.rehearse(folder, [name]))
    assert [line.verdict for line in lines] == ["ok"] * (len(rehearse.DATASETS) + 2)
    assert all(line.cpu_s > 0 and line.peak_mib > 0 for line in lines)
