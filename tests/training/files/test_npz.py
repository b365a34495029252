"""Files of arrays: written whole or not at all; whatever else is read gives one error and costs little."""

import errno
import io
import os
import pickle
import stat
import threading
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmem.training.files.npz import MAX_DIRECTORY, MAX_HEADER, CheckpointError, Reader, write

DTYPES = st.sampled_from([np.float64, np.float32, np.uint8])
NAMES = st.text("abcXYZ_.019", min_size=1, max_size=20)
SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple)


@st.composite
def arrays(draw: st.DrawFn) -> Any:
    """An array of any shape, dtype and bytes, in any memory layout."""
    dtype, shape = np.dtype(draw(DTYPES)), draw(SHAPES)
    size = int(np.prod(shape)) * dtype.itemsize
    array = np.frombuffer(draw(st.binary(min_size=size, max_size=size)), dtype).reshape(shape)
    return draw(st.sampled_from([np.ascontiguousarray, np.asfortranarray]))(array).reshape(shape)


def read(path: Any) -> dict[str, Any]:
    """Everything in a file, through Reader."""
    with Reader(path) as file:
        found = {}
        for name, entry in file.entries.items():
            chunks = list(file.chunks(name))
            found[name] = np.concatenate([*chunks, np.empty(0, entry.dtype)]).reshape(entry.shape)
        return found


def npy(array: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array), **options)
    return buffer.getvalue()


def zip_of(path: Path, members: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return path


def with_header(header: str, data: bytes = bytes(24), version: bytes = b"\x01\x00") -> bytes:
    """A member with a header written by hand, for three numbers unless it says otherwise."""
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header.encode() + data


@given(st.dictionaries(NAMES, arrays(), max_size=5))
def test_what_is_written_is_read_back_byte_for_byte_by_us_and_by_numpy(
    tmp_path_factory: pytest.TempPathFactory, wanted: dict[str, Any]
) -> None:
    path = tmp_path_factory.mktemp("npz") / "file.npz"
    write(path, wanted)
    with np.load(path, allow_pickle=False) as by_numpy:
        for found in (read(path), dict(by_numpy)):
            assert list(found) == list(wanted)
            for name, array in wanted.items():
                assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
                assert found[name].tobytes() == array.tobytes()


def test_big_endian_arrays_are_stored_like_the_others(tmp_path: Path) -> None:
    write(tmp_path / "file", {"a": np.arange(3, dtype=">f8")})
    np.testing.assert_array_equal(read(tmp_path / "file")["a"], [0, 1, 2])


def test_the_same_arrays_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / name, {"a": np.arange(5.0)})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_an_array_of_many_chunks_comes_whole(tmp_path: Path) -> None:
    wanted = np.random.default_rng(0).standard_normal(200_001).astype(np.float32)
    write(tmp_path / "file", {"a": wanted})
    np.testing.assert_array_equal(read(tmp_path / "file")["a"], wanted)


@pytest.mark.parametrize("name", ["model", "model.npz", "model.npy", "modèle 1.tar"])
def test_a_path_is_used_exactly_as_given(tmp_path: Path, name: str) -> None:
    write(str(tmp_path / name), {"a": np.zeros(2)})
    assert os.listdir(tmp_path) == [name]


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    write(tmp_path / "link", {"a": np.zeros(2)})
    assert (tmp_path / "link").is_symlink()
    assert "a" in read(tmp_path / "target")


class Unwritable:
    """An array whose bytes cannot be had, found out in the midst of writing."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise KeyboardInterrupt

    dtype, nbytes = np.dtype(float), 8


def full_disk(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("failure", ["data", "fsync", "replace"])
@pytest.mark.parametrize("existing", [True, False])
def test_a_failure_leaves_the_old_file_whole_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: str, existing: bool
) -> None:
    path = tmp_path / "model"
    if existing:
        write(path, {"a": np.ones(3)})
    arrays: dict[str, Any] = {"a": np.zeros(4)}
    if failure == "data":
        arrays["b"] = Unwritable()
    else:
        monkeypatch.setattr(os, failure, full_disk)
    with pytest.raises((OSError, KeyboardInterrupt)):
        write(path, arrays)
    assert os.listdir(tmp_path) == (["model"] if existing else [])
    if existing:
        np.testing.assert_array_equal(read(path)["a"], np.ones(3))


def test_the_data_are_on_the_disk_before_the_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append("fsync"), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda *names: (events.append("replace"), replace(*names)))
    write(tmp_path / "model", {"a": np.zeros(2)})
    assert events == ["fsync", "replace"]


def test_a_folder_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(OSError, match="model"):
        write(tmp_path / "model", {"a": np.zeros(2)})
    assert os.listdir(tmp_path) == ["model"]


GOOD = "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }\n"
MEMBERS = {
    "text for an array": (b"hello", "expected a NumPy array of format 1.0, found b'hello'"),
    "nothing": (b"", "expected a NumPy array of format 1.0, found b''"),
    "format 2.0": (with_header(GOOD, version=b"\x02\x00"), "expected a NumPy array of format 1.0"),
    "trailing bytes": (npy(np.zeros(3)) + b"x", r"expected 24 bytes for float64 \(3,\), found 25"),
    "missing bytes": (npy(np.zeros(3))[:-1], r"expected 24 bytes for float64 \(3,\), found 23"),
    "a header only": (with_header(GOOD)[:30], "expected an array's header"),
    "a long header": (
        b"\x93NUMPY\x01\x00\xff\xff" + bytes(70000),
        f"at most {MAX_HEADER} bytes, found 65535",
    ),
    "objects": (npy(np.array([None]), allow_pickle=True), r"expected dtype '<f8', .*found '\|O'"),
    "integers": (npy(np.zeros(3, np.int32)), r"expected dtype '<f8', .*found '<i4'"),
    "complex": (npy(np.zeros(3, complex)), "found '<c16'"),
    "big-endian": (npy(np.zeros(3, ">f8")), "found '>f8'"),
    "a structure": (npy(np.zeros(3, [("a", "<f8")])), r"found \[\('a', '<f8'\)\]"),
    "Fortran order": (npy(np.zeros((2, 3), order="F")), "expected C order, found Fortran order"),
    "an expression": (with_header(GOOD.replace("3,", "1+2,")), "expected an array's header"),
    "a huge shape": (with_header(GOOD.replace("3,", "9" * 18 + ",")), "expected 7999999999999999992 bytes"),
    "an endless shape": (with_header(GOOD.replace("3,", "9" * 40 + ",")), "expected an array's header"),
    "a negative shape": (with_header(GOOD.replace("3,", "-3,")), "expected an array's header"),
    "a shape of overflow": (with_header(GOOD.replace("3,", f"{2**32}, {2**32}, ")), "bytes for float64"),
}


@pytest.mark.parametrize(("data", "message"), MEMBERS.values(), ids=MEMBERS)
def test_a_member_that_is_no_plain_array_is_refused_by_its_name(
    tmp_path: Path, data: bytes, message: str
) -> None:
    path = zip_of(tmp_path / "file", [("good.npy", npy(np.zeros(2))), ("bad.npy", data)])
    with pytest.raises(CheckpointError, match=f"file: bad: .*{message}"):
        Reader(path)


@pytest.mark.parametrize("name", ["bad.txt", "bad", "bad.npy/", "bad.NPY"])
def test_a_member_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    path = zip_of(tmp_path / "file", [("good.npy", npy(np.zeros(2))), (name, npy(np.zeros(2)))])
    with pytest.raises(CheckpointError, match=r"bad.*: expected an array, found another kind of member"):
        Reader(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "file", [("a.npy", npy(np.zeros(2))), ("a.npy", npy(np.ones(2)))])
    with pytest.raises(CheckpointError, match="a: expected one entry of this name, found two"):
        Reader(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compressed_member_is_refused(tmp_path: Path, compression: int) -> None:
    path = zip_of(tmp_path / "file", [("a.npy", npy(np.zeros(2)))], compression)
    with pytest.raises(CheckpointError, match="a: expected it stored uncompressed, found it compressed"):
        Reader(path)


def test_members_that_share_their_bytes_do_not_multiply_them(tmp_path: Path) -> None:
    data = zip_of(tmp_path / "file", [("0.npy", npy(np.zeros(100)))]).read_bytes()
    table, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    entries = b"".join(data[table:end].replace(b"0.npy", f"{i}.npy".encode()) for i in range(9))
    counts = 2 * (9).to_bytes(2, "little") + len(entries).to_bytes(4, "little")
    (tmp_path / "file").write_bytes(data[:table] + entries + data[end : end + 8] + counts + data[end + 16 :])
    assert len(zipfile.ZipFile(tmp_path / "file").infolist()) == 9
    with pytest.raises(CheckpointError, match=r"expected at most \d+ bytes in its entries, found 8352"):
        Reader(tmp_path / "file")


@pytest.mark.parametrize("where", ["before", "after"])
def test_bytes_around_the_archive_are_refused(tmp_path: Path, where: str) -> None:
    path = zip_of(tmp_path / "file", [("a.npy", npy(np.zeros(2)))])
    data = path.read_bytes()
    path.write_bytes(b"junk" + data if where == "before" else data + b"junk")
    with pytest.raises(CheckpointError, match=r"nothing before and after the archive|not a zip"):
        Reader(path)


def test_a_comment_is_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "file", [("a.npy", npy(np.zeros(2)))])
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"hello"
    with pytest.raises(CheckpointError, match="nothing before and after the archive"):
        Reader(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"P",
        b"hello world\n" * 100,
        pickle.dumps({"a": 1}),
        npy(np.zeros(3)),
        bytes(5000),
        b"PK\5\6" + bytes(18),
    ],
    ids=["empty", "a byte", "text", "pickle", "npy", "zeros", "empty archive"],
)
def test_a_file_that_is_no_archive_is_refused_and_one_that_is_empty_has_no_entries(
    tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "file").write_bytes(data)
    if data[:4] == b"PK\5\6":
        assert read(tmp_path / "file") == {}
        return
    with pytest.raises(CheckpointError, match=r"file: expected a readable \.npz file, found: "):
        Reader(tmp_path / "file")


def test_what_is_not_there_or_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    for name in ("missing", "folder", "pipe", "loop", "null\0byte"):
        with pytest.raises(CheckpointError, match=name.split("\0")[0]):
            Reader(tmp_path / name)
    with pytest.raises(CheckpointError, match="found a pipe or device"):
        Reader("/dev/zero")
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)


def test_a_missing_file_is_what_open_says_it_is(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as by_open:
        (tmp_path / "missing").read_bytes()
    with pytest.raises(FileNotFoundError) as raised:
        Reader(tmp_path / "missing")
    assert isinstance(raised.value, CheckpointError)
    assert str(raised.value) == str(by_open.value)
    assert raised.value.filename == str(tmp_path / "missing")
    again = pickle.loads(pickle.dumps(raised.value))
    assert (type(again), str(again)) == (type(raised.value), str(raised.value))
    (tmp_path / "link").symlink_to("missing")
    with pytest.raises(FileNotFoundError):
        Reader(tmp_path / "link")


def test_what_a_stranger_wrote_fills_no_screen_and_commands_no_terminal(tmp_path: Path) -> None:
    for name, data in (("n" * 60_000, b""), ("\x1b]0;mine\x07\n\u202e", b""), ("h", with_header("x" * 4000))):
        path = zip_of(tmp_path / "file", [(f"{name}.npy", data)])
        with pytest.raises(CheckpointError, match="expected") as raised:
            Reader(path)
        message = str(raised.value)
        assert len(message) < 600 + len(str(path))
        assert message.isprintable()


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "whole", {"a": np.arange(3.0), "b": np.arange(4, dtype=np.float32)})
    data = (tmp_path / "whole").read_bytes()
    for length in range(len(data)):
        (tmp_path / "cut").write_bytes(data[:length])
        with pytest.raises(CheckpointError, match="cut"):
            read(tmp_path / "cut")


@pytest.mark.parametrize("size", [3, 100_000])
def test_a_flipped_bit_in_the_data_is_found_by_the_checksum(tmp_path: Path, size: int) -> None:
    numbers = np.arange(float(size))
    write(tmp_path / "file", {"a": numbers})
    data = (tmp_path / "file").read_bytes()
    start = data.index(numbers.tobytes())
    for position in {start, start + 4 * size, start + 8 * size - 1}:
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        (tmp_path / "file").write_bytes(flipped)
        with pytest.raises(CheckpointError, match=r"file: a: .*CRC"):
            read(tmp_path / "file")


@pytest.mark.parametrize("change", [*(pytest.param(k, marks=pytest.mark.slow) for k in (1, 8, 64)), 255])
def test_any_change_of_a_byte_is_refused_or_changes_nothing(tmp_path: Path, change: int) -> None:
    wanted = {"a.W": np.arange(6.0).reshape(2, 3), "b": np.arange(4, dtype=np.float32)}
    write(tmp_path / "file", wanted)
    content = (tmp_path / "file").read_bytes()
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= change
        (tmp_path / "file").write_bytes(changed)
        try:
            found = read(tmp_path / "file")
        except CheckpointError:
            continue
        for name in found.keys() & wanted.keys():  # names are the business of those who expect them
            assert found[name].tobytes() == wanted[name].tobytes()


@given(st.binary(max_size=400))
def test_any_bytes_are_refused(tmp_path_factory: Any, data: bytes) -> None:
    path = tmp_path_factory.mktemp("npz") / "file"
    path.write_bytes(data)
    with pytest.raises(CheckpointError):
        read(path)


@pytest.fixture
def frugal() -> Iterator[None]:
    """Fails a test that takes more than ten seconds of the processor's own time, or 10 MB."""
    tracemalloc.start()
    start = time.process_time()
    yield
    seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10e6
    assert seconds < 10


def test_a_bomb_does_not_go_off(tmp_path: Path, frugal: None) -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    head = with_header(GOOD.replace("3,", "12500000,"), b"")
    block = bytes(1_000_000)
    packed = (
        compressor.compress(head)
        + b"".join(compressor.compress(block) for _ in range(100))
        + compressor.flush()
    )
    path = zip_of(tmp_path / "file", [("a.npy", packed)])
    data = bytearray(path.read_bytes())
    table = data.index(b"PK\1\2")
    for record, method, size in ((0, 8, 22), (table, 10, 24)):  # stored bytes that claim to be packed ones
        data[record + method : record + method + 2] = (8).to_bytes(2, "little")
        data[record + size : record + size + 4] = (100_000_000 + len(head)).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(CheckpointError):
        read(path)


def test_a_huge_table_of_contents_is_not_read(tmp_path: Path) -> None:
    entry = b"PK\1\2" + bytes(24) + (1).to_bytes(2, "little") + bytes(16) + b"a"
    table = entry * (20_000_000 // len(entry))
    end = b"PK\5\6" + bytes(8) + len(table).to_bytes(4, "little") + bytes(6)
    (tmp_path / "file").write_bytes(table + end)
    tracemalloc.start()
    with pytest.raises(CheckpointError, match=f"more than {MAX_DIRECTORY}"):
        Reader(tmp_path / "file")
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()


def test_many_members_are_read_quickly(tmp_path: Path, frugal: None) -> None:
    path = zip_of(tmp_path / "file", [(f"{i}.npy", b"") for i in range(3000)])
    with pytest.raises(CheckpointError, match="0: expected a NumPy array"):
        Reader(path)


def test_text_is_utf_8_of_limited_length(tmp_path: Path) -> None:
    rows = {"good": b"hello", "bytes": b"\xff", "empty": b"", "letters": "łódź".encode()}
    arrays: dict[str, Any] = {name: np.frombuffer(data, np.uint8) for name, data in rows.items()}
    write(tmp_path / "file", arrays | {"numbers": np.zeros(3), "table": np.zeros((1, 2), np.uint8)})
    with Reader(tmp_path / "file") as file:
        assert file.text("good", 5) == "hello"
        assert file.text("empty", 5) == ""
        assert file.text("letters", 7) == "łódź"
        for name, message in (
            ("bytes", "expected UTF-8 text"),
            ("numbers", r"expected uint8, at most \(5,\), found float64 \(3,\)"),
            ("table", r"found uint8 \(1, 2\)"),
            ("missing", "expected this entry, found none"),
        ):
            with pytest.raises(CheckpointError, match=f"file: {name}: .*{message}"):
                file.text(name, 5)
        with pytest.raises(
            CheckpointError, match=r"good: expected uint8, at most \(4,\), found uint8 \(5,\)"
        ):
            file.text("good", 4)
        with pytest.raises(CheckpointError, match=r"letters: expected uint8, at most \(6,\)"):
            file.text("letters", 6)


def test_a_file_may_be_read_while_another_is_put_in_its_place(tmp_path: Path) -> None:
    path, failures = tmp_path / "file", []
    write(path, {"a": np.zeros(1000)})
    done = threading.Event()

    def keep_reading() -> None:
        while not done.is_set():
            values = read(path)["a"]
            if len(set(values)) != 1:
                failures.append(values)

    reader = threading.Thread(target=keep_reading)
    reader.start()
    for value in range(30):
        write(path, {"a": np.full(1000, float(value))})
    done.set()
    reader.join()
    assert not failures
