"""Pickles: what numbers and arrays are written with is read, and nothing else is run."""

import pickle
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from foundry_bench.data.pickles import read_pickle
from foundry_bench.errors import FoundryError

PROTOCOLS = [2, 3, 4, 5]
TREE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=8,
)
ARRAYS = hnp.arrays(
    dtype=st.sampled_from(["f4", "<f8", ">f4", "i4", "u1", "i8", "?", "U3", "S2"]),
    shape=hnp.array_shapes(min_dims=0, min_side=0, max_side=4),
)


def written(path: Path, value: Any, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(value, protocol))
    return path


@pytest.mark.parametrize("protocol", PROTOCOLS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=TREE)
def test_plain_containers_come_back(tmp_path: Path, protocol: int, value: Any) -> None:
    assert read_pickle(written(tmp_path / "a.pkl", value, protocol)) == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(array=ARRAYS)
def test_arrays_come_back(tmp_path: Path, protocol: int, array: Any) -> None:
    value = {"train": [(array, array.T, np.asfortranarray(array)), array]}
    found = read_pickle(written(tmp_path / "a.pkl", value, protocol))["train"]
    for one in (found[0][0], found[0][1].T, found[0][2], found[1]):
        assert one.dtype == array.dtype
        np.testing.assert_array_equal(one, array)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_scalars_and_sets_come_back(tmp_path: Path, protocol: int) -> None:
    value = (np.int32(7), np.float64(0.5), np.bool_(True), {1, 2}, frozenset([3]))
    found = read_pickle(written(tmp_path / "a.pkl", value, protocol))
    assert found == value
    assert type(found[0]) is np.int32


@pytest.mark.parametrize("protocol", [2, 3])
def test_the_old_names_of_numpys_modules_are_the_same(tmp_path: Path, protocol: int) -> None:
    value = [np.arange(6.0).reshape(2, 3), np.int32(4)]
    content = pickle.dumps(value, protocol)
    for new, old in ((b"numpy._core.", b"numpy.core."), (b"numpy.core.", b"numpy._core.")):
        path = tmp_path / "a.pkl"
        path.write_bytes(content.replace(new, old))
        found = read_pickle(path)
        np.testing.assert_array_equal(found[0], value[0])
        assert found[1] == 4


def test_arrays_of_python_2_are_read(tmp_path: Path) -> None:
    """Python 2 writes text of eight bits a character, and the bytes of arrays as such text."""
    floats = np.array([1.5, -2.0], "<f4").tobytes()
    content = (
        b"\x80\x02}U\x05train]cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
        b"K\x00\x85U\x01b\x87Rq\x01(K\x01K\x02\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R"
        b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x08" + floats + b"tbas."
    )
    path = tmp_path / "a.pkl"
    path.write_bytes(content)
    found = read_pickle(path)
    assert found["train"][0].tolist() == [1.5, -2.0]


READ = """
import sys, pathlib
from foundry_bench.data.pickles import read_pickle
assert read_pickle(pathlib.Path(sys.argv[1])) == []
"""


class Call:
    """Is pickled as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def stack_global(module: str, name: str) -> bytes:
    """A program that calls `module`.`name` with one text."""
    words = [b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, name, "trace")]
    return b"\x80\x04" + words[0] + words[1] + b"\x93" + words[2] + b"\x85R."


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("subprocess", "Popen"),
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("builtins", "getattr"),
        ("builtins", "open"),
        ("builtins", "__import__"),
        ("__builtin__", "eval"),
        ("numpy", "load"),
        ("numpy", "memmap"),
        ("numpy", "fromfile"),
        ("numpy", "ndarray.tofile"),
        ("numpy", "ndarray.__class__"),
        ("numpy.f2py", "compile"),
        ("numpy.core.multiarray", "_reconstruct.__globals__"),
        ("numpy._core.multiarray", "fromfile"),
        ("numpy.core.multiarray", "array"),
        ("numpy.testing._private.utils", "runstring"),
        ("functools", "partial"),
        ("operator", "attrgetter"),
        ("pickle", "loads"),
        ("copyreg", "_reconstructor"),
        ("foundry_bench.data.pickles", "read_pickle"),
        ("pathlib", "Path.touch"),
    ],
)
def test_any_other_name_is_refused_and_named(tmp_path: Path, module: str, name: str) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(stack_global(module, name))
    with pytest.raises(FoundryError, match="names ") as caught:
        read_pickle(path)
    assert f"{module}.{name}" in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_is_run(tmp_path: Path, protocol: int) -> None:
    trace = tmp_path / "trace"
    for bomb in (
        Call(Path.touch, trace),
        Call(eval, f"open({str(trace)!r}, 'w')"),
        Call(getattr, trace, "touch"),
        [np.arange(3), {"deep": (1, Call(exec, f"open({str(trace)!r}, 'w')"))}],
        Call(np.save, str(trace), np.arange(3)),
    ):
        with pytest.raises(FoundryError, match="nothing of it was run"):
            read_pickle(written(tmp_path / "a.pkl", bomb, protocol))
    assert not any(tmp_path.glob("trace*"))


def test_the_admitted_names_cannot_be_changed_or_left_behind(tmp_path: Path) -> None:
    dtype = b"cnumpy\ndtype\n"
    path = tmp_path / "a.pkl"
    for content in (
        dtype + b"}U\x01xK\x01sb.",  # state for the function itself
        dtype + b".",  # the function as the value
        dtype + b"U\x02f4\x85R.",  # a type as the value
        b"cnumpy\nndarray\n)R.",  # an array made by a call
        b"cnumpy\nndarray\n)\x81.",
        b"cnumpy.core.multiarray\n_reconstruct\n)R.",  # an array without content
    ):
        path.write_bytes(b"\x80\x02" + content)
        with pytest.raises(FoundryError, match="cannot be read as a pickle of numbers"):
            read_pickle(path)
    assert read_pickle(written(path, np.arange(2))).tolist() == [0, 1]


@pytest.mark.parametrize(
    "array",
    [
        np.array([{}, []], dtype=object),
        np.zeros(2, dtype=[("x", "f4"), ("y", "O")]),
        np.zeros(2, dtype=[("x", "f4"), ("y", "i4")]),
        np.zeros(2, dtype="M8[s]"),
    ],
)
def test_arrays_of_objects_and_records_are_refused(tmp_path: Path, array: Any) -> None:
    for protocol in PROTOCOLS:
        with pytest.raises(FoundryError, match="cannot be read as a pickle of numbers"):
            read_pickle(written(tmp_path / "a.pkl", [array], protocol))


@pytest.mark.parametrize("kind", [b"f4,O4", b"(2,)f4", b"O8", b"V4", b"M8"])
def test_types_are_refused_in_whatever_words(tmp_path: Path, kind: bytes) -> None:
    """A scalar of a type that is described by its text alone."""
    path = tmp_path / "a.pkl"
    text = b"U" + bytes([len(kind)]) + kind
    content = b"cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\n" + text + b"\x85R"
    path.write_bytes(b"\x80\x02" + content + b"U\x08abcdefgh\x86R.")
    with pytest.raises(FoundryError, match="expected numbers or text"):
        read_pickle(path)


def test_bytes_that_are_no_array_of_their_shape_are_refused(tmp_path: Path) -> None:
    content = pickle.dumps(np.arange(6, dtype="u1").reshape(2, 3), 3)
    path = tmp_path / "a.pkl"
    for old, new in ((b"K\x02K\x03\x86", b"K\x02K\x04\x86"), (b"K\x02K\x03\x86", b"K\x02N\x86")):
        assert old in content
        path.write_bytes(content.replace(old, new))
        with pytest.raises(FoundryError, match="cannot be read as a pickle of numbers"):
            read_pickle(path)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_bytes_are_one_error_or_plain_values(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(pickle.dumps([[np.arange(5.0)], [np.int32(1)]], 4))
    cut = data.draw(st.integers(0, len(content) - 1))
    path = tmp_path / "a.pkl"
    path.write_bytes(content[:cut])
    with pytest.raises(FoundryError, match="damaged or cut short"):
        read_pickle(path)
    content[cut] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with suppress(FoundryError):  # any other error fails
        read_pickle(path)


def test_four_bytes_do_not_ask_for_all_memory(tmp_path: Path) -> None:
    """A place in the memo beyond all that the file has."""
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x02]r\xff\xff\xff\x7f.")
    code = f"import resource\nresource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))\n{READ}"
    subprocess.run([sys.executable, "-c", code, path], check=True, timeout=60)


def test_what_is_held_often_is_finished_once(tmp_path: Path) -> None:
    """Otherwise sixty lines of text would take 2 to the 60 steps."""
    for kind in (list, tuple):
        nested: Any = kind([np.arange(2)])
        for _ in range(60):
            nested = kind([nested, nested])
        found = read_pickle(written(tmp_path / "a.pkl", nested))
        for _ in range(60):
            assert found[0] is found[1]
            found = found[0]
        assert found[0].tolist() == [0, 1]


def test_nesting_without_end_is_one_error(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")
    with pytest.raises(FoundryError, match="RecursionError"):
        read_pickle(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FoundryError, match=r"a\.pkl does not exist"):
        read_pickle(tmp_path / "a.pkl")
