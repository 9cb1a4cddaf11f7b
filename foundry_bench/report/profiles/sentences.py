"""What was measured of models -> sentences, and what a reader must know first."""

from collections.abc import Sequence

from foundry_bench.report.profiles.records import Measured, of_kind, side_by_side
from foundry_bench.report.wording import and_list, capital, number

MOST_TOLD = 3
"""Students that sentences tell of; the table has them all."""
TOLD_FIRST = ("foundry", "light_tokenizer")
QUIET_SHARE = 0.1
"""Of the cores: what others may keep busy without a word."""


def read_latencies(measured: Sequence[Measured]) -> list[str]:
    """How long teacher and students take, and how much of it no SuperToken saves."""
    statements = []
    for several in side_by_side(of_kind(measured, "latency")):
        teacher = next((each for each in several if each.is_teacher), None)
        if teacher is not None:
            statements += _read_batch(teacher, [each for each in several if not each.is_teacher])
    return statements


def warn_of_measurements(measured: Sequence[Measured]) -> list[str]:
    """Rows that others had a part in."""
    latencies = of_kind(measured, "latency")
    notes = []
    shared = [each for each in latencies if each.config.get("shared")]
    if shared:
        notes.append(
            f"{len(shared)} latencies were measured on a GPU that others may have used meanwhile."
        )
    busy = [
        cores
        for each in latencies
        if (cores := each.number("other_cores") or 0)
        > QUIET_SHARE * (each.config["hardware"].get("cores") or 1)
    ]
    if busy:
        notes.append(
            f"{len(busy)} of {len(latencies)} latencies were measured while other processes kept"
            f" {number(min(busy), 1)} to {number(max(busy), 1)} cores busy: an idle machine is"
            " faster, and ratios are surer there."
        )
    unstable = [each for each in latencies if each.number("is_stable") == 0]
    if unstable:
        named = and_list([f"{each.model} ({each.way}, batch {each.batch})" for each in unstable])
        notes.append(f"Still changing after the warm-up: {named}.")
    return notes


def _read_batch(teacher: Measured, students: Sequence[Measured]) -> list[str]:
    told = _told(students)
    where = f"batch {teacher.batch}, {teacher.teacher}, on {teacher.machine}"
    times = [f"the teacher takes {_time(teacher)}"]
    times += [f"{each.model} {_time(each)}, {_ratio(each)} of it" for each in told]
    floors = [
        f"{number(100 * each.floor, 0)} % of {'the ' if each.is_teacher else ''}{each.model}"
        f" ({number(each.part_ms('group'), 2)} + {number(each.part_ms('tokenize'), 2)} ms)"
        for each in (teacher, *told)
    ]
    statements = [
        f"{capital(where)}: {'; '.join(times)}.",
        f"FPS and kNN, and the tokenizer, are {and_list(floors)}: what no number of SuperTokens"
        " saves.",
    ]
    slower = [each for each in students if (each.number("ratio_to_teacher_q1") or 0) > 1]
    if slower:
        named = and_list([f"{each.model} ({_ratio(each)})" for each in slower])
        statements.append(f"Slower than the teacher in most rounds: {named}.")
    return statements


def _told(students: Sequence[Measured]) -> list[Measured]:
    """The named ones with the most SuperTokens, then the fastest."""
    found = []
    for name in TOLD_FIRST:
        own = [each for each in students if each.student["name"] == name]
        if own:
            found.append(max(own, key=lambda each: each.student["supertokens"]))
    rest = [each for each in students if each not in found]
    rest.sort(key=lambda each: each.number("latency_ms_median") or 0)
    return [*found, *rest][:MOST_TOLD]


def _time(each: Measured) -> str:
    low, middle, high = (each.number(f"latency_ms_{name}") or 0 for name in ("q1", "median", "q3"))
    return f"{number(middle, 2)} ms (quartiles {number(low, 2)} and {number(high, 2)})"


def _ratio(each: Measured) -> str:
    ratio = each.number("ratio_to_teacher")
    return "" if ratio is None else number(ratio, 2)
