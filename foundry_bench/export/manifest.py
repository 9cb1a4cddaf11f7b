"""What stands beside an exported model: all that its user, or her program, has to know."""

from typing import Any

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION = 2
MANIFEST = "manifest.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class File(_Part):
    """A file of the folder."""

    sha256: str
    bytes: int


class Tensor(_Part):
    """An input or output of the graphs; an axis of any length has a name in the place of one."""

    dtype: str
    shape: list[int | str]


class Graph(_Part):
    """A graph and how good it is.

    Attributes:
        largest_difference: to torch, absolute, over fresh clouds in two batch sizes and with two
            numbers of patches; `median_difference` is that of the median cloud.
        agreement: with the fp32 graph on fresh clouds: share of answers that are the same, or mean
            cosine of tokens.
        metrics: of the task, on the test clouds of the record.
        note: what a reader of the answers has to know.
    """

    file: str
    largest_difference: float | None = None
    median_difference: float | None = None
    agreement: float | None = None
    metrics: dict[str, float] = {}
    note: str | None = None


class Quartiles(_Part):
    """Of turns."""

    median: float
    q1: float
    q3: float


class Latency(_Part):
    """Milliseconds of one cloud on the machine that exported, which promise nothing of another.

    Attributes:
        torch_ms: of the same model in torch, from patches on, as the graphs are.
        preparation_ms: from a cloud of as many points to its patches, by `patches.py`.
        graphs_ms: of each graph in ONNX Runtime, by name.
        rounds: turns of each, side by side.
        threads: of torch and of ONNX Runtime.
        hardware: that it ran on.
        other_cores: that other processes kept busy meanwhile; null where that is not known.
    """

    torch_ms: Quartiles
    preparation_ms: Quartiles
    graphs_ms: dict[str, Quartiles]
    rounds: int
    threads: int
    hardware: dict[str, Any]
    other_cores: float | None


class PatchRange(_Part):
    """Numbers of patches that the graphs take; `most` null: any."""

    least: int
    most: int | None


class Manifest(_Part):
    """See the module.

    Attributes:
        trial: its id; `records` are the keys of its stages that the weights come from, by kind,
            and `metrics` the numbers in those.
        init: what the student's weights were when tasks got it.
        task: the word that its numbers go by; null: the graphs give tokens.
        budget: most tokens that the encoder gets, for students that heed one.
        geometry: how a cloud is cut into patches.
        parts_of_class: indices into `part_names` for each class.
    """

    schema_version: int = SCHEMA_VERSION
    trial: str
    sweep: str
    variant: str
    seed: int
    init: str
    teacher: dict[str, Any]
    student: dict[str, Any] | None
    task: str | None
    budget: int | None
    geometry: dict[str, int]
    patches: PatchRange
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    class_names: list[str] = []
    part_names: list[str] = []
    parts_of_class: dict[str, list[int]] = {}
    graphs: dict[str, Graph]
    latency: Latency
    records: dict[str, str]
    metrics: dict[str, dict[str, float]]
    files: dict[str, File]
    packages: dict[str, str]
    commit: str | None
