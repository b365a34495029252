"""Files of named arrays: written completely or not at all, and read without trusting a byte.

The format is that of `np.load(path)`: a zip archive with a member `name.npy` per array. Only the part of it
that `write` uses can be read: members stored without compression, so that no file expands, and arrays of
plain numbers in C order, whose headers are matched, never evaluated.
"""

from __future__ import annotations

import io
import math
import os
import re
import stat
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from seqmem.module import Array
from seqmem.training.files.replacing import PathLike, replacing
from seqmem.validation import as_path, brief

if TYPE_CHECKING:
    import zipfile

MAX_DIRECTORY = 1 << 20  # bytes of the zip's table of contents: about 10,000 arrays
PER_ENTRY = 46 + 28 + 4  # bytes of an entry there: a record, a 64-bit size and place, and ".npy"
MAX_HEADER = 4096  # bytes of an array's header
CHUNK = 1 << 18  # bytes read at a time
MAX_PATH = 4096  # characters of a path in a message: the longest possible path
MAX_MESSAGE = 400  # characters that a message may quote from an untrusted file

_DTYPES: dict[str, np.dtype[Any]] = {
    "'<f8'": np.dtype("<f8"),
    "'<f4'": np.dtype("<f4"),
    "'<i8'": np.dtype("<i8"),
    "'|u1'": np.dtype("u1"),
}
_HEADER = re.compile(
    r"\{'descr': (?P<descr>'[^']*'|\[.*\]), 'fortran_order': (?P<fortran>True|False), "
    r"'shape': \((?P<shape>(?:[0-9]{1,18}, ?)*(?:[0-9]{1,18})?)\), \} *\n"
)
_UNREADABLE = (  # what zipfile raises, besides BadZipFile, for other or damaged files
    *(OSError, EOFError, ValueError, KeyError, IndexError, TypeError, AttributeError),
    *(RuntimeError, OverflowError, MemoryError, struct.error),
)


class CheckpointError(ValueError):
    """A file that cannot be loaded: the file, the entry, what was expected, what was found."""


class MissingFileError(FileNotFoundError, CheckpointError):
    """A missing file: a FileNotFoundError as from `open`, and a CheckpointError as from `load`."""


class Entry(NamedTuple):
    """The contents of an array's header, checked against the size of the member."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int  # bytes from the member's start to the data

    @property
    def nbytes(self) -> int:
        """The number of bytes of data."""
        return math.prod(self.shape) * self.dtype.itemsize


def write(path: PathLike, arrays: Mapping[str, Array]) -> None:
    """Write arrays to a file; on any failure, an existing file remains unchanged.

    The same arrays give the same bytes.

    Raises:
        ValueError: for more arrays than `Reader` accepts.
        OSError: if the file cannot be written; it names `path`.
    """
    check_count(arrays)
    import zipfile  # here, because the import is slow and most programs never save

    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")  # its date is fixed: 1980
            member.file_size = array.nbytes + MAX_HEADER  # determines whether a 64-bit size is needed
            plain = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
            with archive.open(member, "w") as handle:
                np.lib.format.write_array(handle, plain, (1, 0), allow_pickle=False)


def check_count(names: Iterable[str]) -> None:
    """Raise for arrays whose names make a larger table of contents than `Reader` accepts."""
    size = sum(PER_ENTRY + len(name.encode()) for name in names)
    if size > MAX_DIRECTORY:
        raise ValueError(
            f"save: the names of all arrays need {size:,} bytes, expected at most {MAX_DIRECTORY:,}"
        )


class Reader:
    """An open file of arrays, whose headers have been checked and whose data have not been read yet.

    Attributes:
        entries: the arrays by name; together they are not larger than the file.

    Raises:
        CheckpointError: for anything wrong with the file, here and in the methods; also a FileNotFoundError
            if there is no such file.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = os.fsdecode(as_path(path, "load"))
        with self._readable():
            try:
                self._file = _BoundedReads(io.FileIO(self.path, "rb", opener=_open))
            except FileNotFoundError as error:
                raise MissingFileError(error.errno, error.strerror, self.path) from None
        try:
            with self._readable():
                self._archive = self._open_archive()
                self.entries = {name: self._read_header(member) for name, member in self._members().items()}
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()
        self._file.close()

    def fail(self, message: str, name: str | None = None) -> CheckpointError:
        """Return an error that names the file, and the entry if one is given."""
        shown = (brief(self.path, MAX_PATH), brief(name or ""), brief(message, MAX_MESSAGE))
        return CheckpointError(": ".join(part for part in shown if part))

    def chunks(self, name: str) -> Iterator[Array]:
        """Yield the data of an array in pieces, flat; zipfile verifies the checksum with the last one."""
        entry = self.entries[name]
        with self._readable(name), self._archive.open(f"{name}.npy") as member:
            member.read(entry.offset)
            left = entry.nbytes
            while left:
                data = member.read(min(CHUNK, left))
                if not data:
                    raise self.fail(f"its last {left} bytes are missing", name)
                left -= len(data)
                yield np.frombuffer(data, entry.dtype)

    def fill(self, name: str, array: Array) -> None:
        """Read the data of an array into another one of the same shape and dtype."""
        start = 0
        for chunk in self.chunks(name):
            array.flat[start : start + chunk.size] = chunk
            start += chunk.size

    def array(self, name: str) -> Array:
        """Return an array, which is not larger than the file."""
        if name not in self.entries:
            raise self.fail("expected this entry, found none", name)
        dtype, shape, _ = self.entries[name]
        with self._readable(name):
            array: Array = np.empty(shape, dtype)
        self.fill(name, array)
        return array

    def verify(self, name: str) -> None:
        """Read the data of an array for their checksum: a file is accepted as a whole."""
        for _ in self.chunks(name):
            pass

    def text(self, name: str, limit: int) -> str:
        """Return a row of at most `limit` bytes, as UTF-8 text."""
        if name not in self.entries:
            raise self.fail("expected this entry, found none", name)
        dtype, shape, _ = self.entries[name]
        if dtype != np.uint8 or len(shape) != 1 or shape[0] > limit:
            raise self.fail(f"expected uint8, at most ({limit},), found {dtype} {shape}", name)
        try:
            return b"".join(chunk.tobytes() for chunk in self.chunks(name)).decode("utf-8")
        except UnicodeDecodeError:
            raise self.fail("expected UTF-8 text, found other bytes", name) from None

    def _open_archive(self) -> zipfile.ZipFile:
        status = os.fstat(self._file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise self.fail("expected a file, found a pipe or device")
        import zipfile

        archive = zipfile.ZipFile(self._file)
        total = sum(member.file_size for member in archive.infolist())
        if total > status.st_size:  # members that overlap, or lie
            raise self.fail(f"expected at most {status.st_size} bytes in its entries, found {total}")
        self._file.seek(-22, os.SEEK_END)  # the size of a zip's last record
        first = min((member.header_offset for member in archive.infolist()), default=0)
        if first or self._file.read(4) != b"PK\5\6":
            raise self.fail("expected nothing before and after the archive, found other bytes")
        return archive

    def _members(self) -> dict[str, zipfile.ZipInfo]:
        import zipfile

        found: dict[str, zipfile.ZipInfo] = {}
        for member in self._archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name == member.filename:
                raise self.fail("expected an array, found another kind of member", name)
            if name in found:
                raise self.fail("expected one entry of this name, found two", name)
            if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
                raise self.fail("expected it stored uncompressed, found it compressed", name)
            found[name] = member
        return found

    def _read_header(self, member: zipfile.ZipInfo) -> Entry:
        name = member.filename.removesuffix(".npy")
        with self._readable(name), self._archive.open(member) as handle:
            start = handle.read(10)
            if start[:8] != b"\x93NUMPY\x01\x00" or len(start) < 10:
                raise self.fail(f"expected a NumPy array of format 1.0, found {start[:8]!r}", name)
            length = int.from_bytes(start[8:], "little")
            if length > MAX_HEADER:
                raise self.fail(f"expected a header of at most {MAX_HEADER} bytes, found {length}", name)
            header = handle.read(length).decode("latin-1")
        match = _HEADER.fullmatch(header)
        if match is None:
            raise self.fail(f"expected an array's header, found {header[:80]!r}", name)
        if match["descr"] not in _DTYPES:
            raise self.fail(f"expected dtype {', '.join(_DTYPES)}, found {match['descr'][:80]}", name)
        if match["fortran"] == "True":
            raise self.fail("expected C order, found Fortran order", name)
        shape = tuple(int(size) for size in match["shape"].split(",") if size.strip())
        entry = Entry(_DTYPES[match["descr"]], shape, 10 + length)
        found = member.file_size - entry.offset
        if found != entry.nbytes:
            raise self.fail(f"expected {entry.nbytes} bytes for {entry.dtype} {shape}, found {found}", name)
        return entry

    @contextmanager
    def _readable(self, name: str | None = None) -> Iterator[None]:
        """Turn all exceptions from reading a damaged file into a CheckpointError."""
        import zipfile

        try:
            yield
        except CheckpointError:
            raise
        except (zipfile.BadZipFile, *_UNREADABLE) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise self.fail(f"expected a readable .npz file, found: {reason}", name) from error


class _BoundedReads(io.BufferedReader):
    """A file that never returns more than MAX_DIRECTORY bytes at once, whatever sizes the file claims."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            size = MAX_DIRECTORY
        if size > MAX_DIRECTORY:
            import zipfile

            raise zipfile.BadZipFile(f"a table of contents of {size} bytes, more than {MAX_DIRECTORY}")
        return super().read(size)


def _open(path: str, flags: int) -> int:
    """Open a file without waiting for the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
