"""Packed files: all records of a run in one gzipped file of JSON lines.

Line 1 names the format. Each further line is a sweep, a trial or a stage. The same records give the
same bytes. Arrays, for pictures of clouds, may lie beside it in `<name>.npz`, as `<key>/<array>`.
"""

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from foundry_bench.errors import FoundryError
from foundry_bench.files import replacing
from foundry_bench.record import Record, TrialRecord, write_json

if TYPE_CHECKING:
    from foundry_bench.results.loader import ResultSet

PACKED_SUFFIX = ".jsonl.gz"
ARRAYS_SUFFIX = ".npz"
FORMAT = {"format": "foundry-bench records", "version": 1}


@dataclass(frozen=True)
class SweepInfo:
    """The question, command line and resolved file of a sweep, without machine paths."""

    question: str = ""
    command: str = ""
    yaml: str = ""


@dataclass(frozen=True)
class Packed:
    """Content of a packed file; `records` are used stages and profiles."""

    trials: list[TrialRecord] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    sweeps: dict[str, SweepInfo] = field(default_factory=dict)


def pack(results: "ResultSet", path: Path, *, arrays: bool = False) -> list[Path]:
    """Write `results` to `path`, and with `arrays` their arrays beside it.

    Returns:
        the files written.

    Raises:
        FoundryError: if there are no records, or `path` has another suffix than `.jsonl.gz`.
    """
    if not path.name.endswith(PACKED_SUFFIX):
        raise FoundryError(f"{path}: a packed file ends in {PACKED_SUFFIX}")
    if not results.trials and not results.profiles:
        raise FoundryError("there are no records to pack; give the output folder of a sweep")
    text = "".join(f"{line}\n" for line in _lines(results))
    with replacing(path) as temporary:
        # Without a time and a file name in the header: the same records give the same bytes.
        temporary.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    if not arrays:
        return [path]
    beside = path.with_name(path.name.removesuffix(PACKED_SUFFIX) + ARRAYS_SUFFIX)
    found = {
        f"{key}/{name}": array
        for key in sorted(results.records)
        for name, array in results.arrays(key).items()
    }
    with replacing(beside) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **found)
    return [path, beside]


def read_packed(path: Path) -> Packed:
    """The content of a packed file.

    Raises:
        FoundryError: if it is cut short or of another format.
    """
    packed = Packed()
    try:
        header, *lines = gzip.decompress(path.read_bytes()).decode().rstrip("\n").split("\n")
        if json.loads(header) != FORMAT:
            raise FoundryError(f"{path} has the format {header[:80]}; expected {FORMAT}")
        for line in lines:
            (kind, content), *_ = json.loads(line).items()
            if kind == "trial":
                packed.trials.append(TrialRecord.model_validate_json(json.dumps(content)))
            elif kind == "stage":
                packed.records.append(Record.model_validate_json(json.dumps(content)))
            else:
                name = content.pop("name")
                packed.sweeps[name] = SweepInfo(**content)
    except (OSError, EOFError, ValueError, TypeError, ValidationError, zlib.error) as error:
        raise FoundryError(f"{path} is not a packed file of records: {error}") from error
    return packed


@contextmanager
def unpacked(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """`paths` with each packed file replaced by a temporary run directory of its records."""
    with TemporaryDirectory(prefix="foundry-bench-") as temporary:
        found = []
        for number, path in enumerate(paths):
            if path.is_file() and path.name.endswith(PACKED_SUFFIX):
                # The report names itself after its only folder where it holds no sweep.
                folder = Path(temporary) / str(number) / path.name.removesuffix(PACKED_SUFFIX)
                unpack(path, folder)
                found.append(folder)
            else:
                found.append(path)
        yield found


def unpack(path: Path, folder: Path) -> None:
    """Write the records of a packed file to `folder`, in the layout of run directories."""
    from foundry_bench.results.loader import ARRAYS, RECORD, TRIAL, read_arrays

    packed = read_packed(path)
    arrays = read_arrays(path.with_name(path.name.removesuffix(PACKED_SUFFIX) + ARRAYS_SUFFIX))
    by_key: dict[str, dict[str, Any]] = {}
    for name, array in arrays.items():
        key, _, own = name.partition("/")
        by_key.setdefault(key, {})[own] = array
    folder.mkdir(parents=True, exist_ok=True)
    for name, info in packed.sweeps.items():
        said = {"schema_version": 1, "name": name, **asdict(info)}
        text = said.pop("yaml")
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "sweep.json").write_text(
            json.dumps(said, indent=1) + "\n", encoding="utf-8"
        )
        (folder / name / "sweep.yaml").write_text(str(text), encoding="utf-8")
    for trial in packed.trials:
        write_json(folder / trial.sweep / "trials" / trial.trial / TRIAL, trial)
    for record in packed.records:
        write_json(folder / "stages" / record.key / RECORD, record)
        if record.key in by_key:
            np.savez_compressed(folder / "stages" / record.key / ARRAYS, **by_key[record.key])


def _lines(results: "ResultSet") -> Iterator[str]:
    yield _dump(FORMAT)
    for name in results.names:
        yield _dump({"sweep": {"name": name, **asdict(results.sweeps.get(name, SweepInfo()))}})
    for trial in results.trials:
        yield _dump({"trial": trial.model_dump(mode="json")})
    records = {**results.records, **{record.key: record for record in results.profiles}}
    # Alike records side by side: gzip looks back 32 KiB.
    for record in sorted(
        records.values(), key=lambda each: (each.stage, each.task or "", each.key)
    ):
        yield _dump({"stage": record.model_dump(mode="json")})


def _dump(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))
