"""Records of `profile scenes` -> what scenes of many points cost: data, table and sentences."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from foundry_bench.record import Record
from foundry_bench.report.profiles.faults import find_fault
from foundry_bench.report.profiles.sentences import QUIET_SHARE
from foundry_bench.report.published import load_published
from foundry_bench.report.records.provenance import device_text, measured_on
from foundry_bench.report.study.costs import MIB, SCENES
from foundry_bench.report.table import Cell, Line, Table
from foundry_bench.report.wording import and_list, number

GIB = MIB * 1024
PUBLISHED_POINTS, PUBLISHED_LIMIT = 300_000, 6 * GIB
MODELS = ("teacher", "tome", "foundry")
"""In the order of tables; others follow."""

MISSING = "out of memory"


@dataclass(frozen=True)
class Scene:
    """One measurement.

    Attributes:
        attention: `materialised` or `fused`.
        limit_gib: of an emulated device; None: the machine's own memory.
        is_oom: whether memory was not enough; times and peak are NaN then.
        is_quiet: whether the machine is known to have been idle beside it.
        group_s: of cutting the scene into patches.
        network_s: of a pass, the median.
    """

    model: str
    attention: str
    points: int
    patches: int
    limit_gib: float | None
    device: str
    threads: int
    gmacs: float
    is_oom: bool
    group_s: float = math.nan
    network_s: float = math.nan
    peak_gib: float = math.nan
    is_quiet: bool = True

    @property
    def series(self) -> tuple[str, str]:
        """What a line of the figure joins."""
        return self.model, self.attention


def read_scenes(records: Sequence[Record]) -> list[Scene]:
    """The measurements among `records`, by device, limit, model, attention and points; without
    those that have a fault.
    """
    found = [
        _read(record) for record in records if record.task == SCENES and not find_fault(record)
    ]
    return sorted(
        found,
        key=lambda scene: (
            scene.device,
            scene.threads,
            scene.limit_gib or math.inf,
            MODELS.index(scene.model) if scene.model in MODELS else len(MODELS),
            scene.model,
            scene.attention,
            scene.points,
        ),
    )


def tabulate_scenes(scenes: Sequence[Scene]) -> Table:
    """A line a measurement."""
    rows = tuple(
        (
            Cell(scene.model, scene.model),
            Cell(scene.attention, scene.attention),
            Cell(f"{scene.points}", scene.points),
            Cell(f"{scene.patches}", scene.patches),
            _cell(math.nan if scene.limit_gib is None else scene.limit_gib, 2),
            _cell(scene.gmacs, 1),
            _cell(scene.group_s, 3),
            _cell(scene.network_s, 3),
            Cell(MISSING, math.inf) if scene.is_oom else _cell(scene.peak_gib, 2),
            Cell(scene.device, scene.device),
            Cell(f"{scene.threads}", scene.threads),
        )
        for scene in scenes
    )
    header = (
        *("model", "attention", "points", "patches", "limit (GiB)", "GMACs"),
        *("grouping (s)", "network (s)", "peak (GiB)", "device", "threads"),
    )
    caption = (
        "A scene in one piece, each measurement in a process of its own: FPS and kNN (grouping),"
        " then a pass of the network, the median. Weights are random, which decides nothing here."
        " The peak is of the whole process on a CPU, of what torch reserves on a GPU beside the"
        " context."
        " With a limit the device is emulated: on a GPU less its context, on a CPU of what the"
        " process allocates."
    )
    return Table(header, rows, caption)


def tabulate_published(scenes: Sequence[Scene]) -> Table | None:
    """The paper's comparison at 300,000 points on 6 GB, beside what was measured so; None without.

    Which attention the paper ran is not known: both stand there.
    """
    own = [
        scene
        for scene in scenes
        if scene.points == PUBLISHED_POINTS and scene.limit_gib == PUBLISHED_LIMIT / GIB
    ]
    if not own:
        return None
    rows = [
        (
            Cell(each.model, each.model),
            Cell("published", "published"),
            Cell("not said", "not said"),
            Cell("a GPU of 6 GB", "a GPU of 6 GB"),
            Cell(each.value, math.inf)
            if isinstance(each.value, str)
            else Cell(f"{each.value:.1f} {each.unit}", each.value),
        )
        for each in load_published().costs
        if each.cost == "scene_memory"
    ]
    rows += [
        (
            Cell(scene.model, scene.model),
            Cell("measured", "measured"),
            Cell(scene.attention, scene.attention),
            Cell(f"{scene.device}, emulated", scene.device),
            Cell(MISSING, math.inf)
            if scene.is_oom
            else Cell(f"{scene.peak_gib:.2f} GiB", scene.peak_gib),
        )
        for scene in own
    ]
    caption = (
        "A scene of 300,000 points within 6 GB: the paper's words, and the same measured here."
    )
    return Table(("model", "source", "attention", "device", "peak"), tuple(rows), caption)


def scene_lines(scenes: Sequence[Scene]) -> list[Line]:
    """The same as numbers."""
    return [
        {
            "model": scene.model,
            "attention": scene.attention,
            "points": scene.points,
            "patches": scene.patches,
            "limit_gib": scene.limit_gib,
            "device": scene.device,
            "threads": scene.threads,
            "gmacs": scene.gmacs,
            "oom": scene.is_oom,
            "group_s": scene.group_s,
            "network_s": scene.network_s,
            "peak_gib": scene.peak_gib,
        }
        for scene in scenes
    ]


def state_scenes(scenes: Sequence[Scene]) -> list[str]:
    """What fits at the largest scene, by device, threads, limit and attention; what grouping takes
    of it.
    """
    statements = []

    def kind_of(each: Scene) -> tuple[str, int, float | None, str]:
        return each.device, each.threads, each.limit_gib, each.attention

    kinds = dict.fromkeys(map(kind_of, scenes))
    for device, threads, limit, attention in kinds:
        alike = [each for each in scenes if kind_of(each) == (device, threads, limit, attention)]
        most = max(each.points for each in alike)
        largest = [each for each in alike if each.points == most]
        words = [
            f"{each.model} "
            + (
                "runs out of memory"
                if each.is_oom
                else f"takes {number(each.peak_gib, 2)} GiB and {number(each.network_s, 2)} s"
                f" (grouping {number(each.group_s, 2)} s more)"
            )
            for each in largest
        ]
        is_one_of_several = len({other for place, other, *_ in kinds if place == device}) > 1
        on_threads = f", {threads} thread{'s' if threads != 1 else ''}" if is_one_of_several else ""
        within = "" if limit is None else f" within {limit:g} GiB (emulated)"
        statements.append(
            f"With {attention} attention on {device}{on_threads}{within}, at {most:,} points:"
            f" {and_list(words)}."
        )
    busy = [each for each in scenes if not each.is_quiet and not each.is_oom]
    if busy:
        statements.append(
            f"{len(busy)} of {len(scenes)} measurements were taken while others kept cores busy, or"
            " do not say: an idle machine is faster, and times are not to be compared; memory is"
            " what it is."
        )
    return statements


def _read(record: Record) -> Scene:
    config, metrics = record.config, record.metrics
    student, limit = config.get("student") or {}, config.get("memory_limit")
    hardware = measured_on(record)
    peak = metrics.get("peak_reserved_bytes", metrics.get("peak_rss_bytes", math.nan))
    return Scene(
        str(student.get("name", "teacher")),
        str(config["attention"]),
        int(config["points"]),
        int(config["patches"]),
        None if limit is None else limit / GIB,
        device_text(hardware),
        int(config.get("threads") or 1),
        metrics.get("macs", math.nan) / 1e9,
        bool(metrics.get("oom")),
        metrics.get("group_ms", math.nan) / 1e3,
        metrics.get("time_ms_median", math.nan) / 1e3,
        peak / GIB,
        metrics.get("other_cores", math.inf) <= QUIET_SHARE * (hardware.get("cores") or 1),
    )


def _cell(value: float, digits: int) -> Cell:
    return Cell(number(value, digits), value)
