"""Checks of output files before any work is done, so that no other file is lost."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from seqmem.pages.page import is_page
from seqmem.tasks import Task
from seqmem.training import CheckpointError
from seqmem.training.files.checkpoint import read_metadata
from seqmem.training.files.training_state import has_training


def check_model_path(out: str, inputs: Iterable[str] = (), *, force: bool = False) -> None:
    """Raise unless a model can be saved at a path without harm.

    Args:
        out: the file to write, or a link to it.
        inputs: files that the command reads; they are never overwritten, even with `force`.
        force: whether a file that is not a model may be replaced.

    Raises:
        ValueError: a message that names `--out` and the obstacle.
    """
    path = Path(out)
    if path.exists() and not path.is_file():
        raise ValueError(f"--out {out} is a folder or a device, expected a file")
    folder = Path(os.path.realpath(path)).parent  # the target of a link is replaced, not the link
    if not folder.is_dir():
        raise ValueError(f"--out {out}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise ValueError(f"--out {out}: the folder {folder} is not writable")
    _check_inputs(path, out, inputs)
    if path.exists() and not force and not _is_model(path):
        raise ValueError(f"--out {out} exists and is not a seqmem model; --force replaces it")


def check_page_folder(
    out: str, names: Iterable[str], inputs: Iterable[str] = (), *, force: bool = False
) -> None:
    """Raise unless pages of these names can be written to a folder, which need not exist.

    Args:
        out: the folder.
        names: the names of the files to write.
        inputs: files that the command reads; they are never overwritten, even with `force`.
        force: whether files of these names that are not pages may be replaced.

    Raises:
        ValueError: a message that names `--out` and the obstacle.
    """
    check_folder("--out", out)
    for name in names:
        path = Path(out, name)
        if path.exists() and not path.is_file():
            raise ValueError(f"--out {out}: {path} is a folder or a device, expected a file")
        _check_inputs(path, out, inputs)
        if path.exists() and not force and not is_page(path):
            raise ValueError(f"--out {out}: {path} exists and is not a seqmem page; --force replaces it")


def check_folder(option: str, folder: str) -> None:
    """Raise unless files can be written to a folder, or the folder can be created; create nothing."""
    path = Path(os.path.realpath(folder))
    while not path.exists() and path.parent != path:
        path = path.parent
    if not path.is_dir():
        raise ValueError(f"{option} {folder}: {path} is a file or a device, expected a folder")
    if not os.access(path, os.W_OK | os.X_OK):
        raise ValueError(f"{option} {folder}: the folder {path} is not writable")


@contextlib.contextmanager
def new_folder(folder: str) -> Iterator[Path]:
    """Create a folder with its parents; if the block fails or is interrupted, remove empty folders."""
    path = Path(folder)
    made = [place for place in (path, *path.parents) if not place.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        yield path
    except BaseException:
        for place in made:
            with contextlib.suppress(OSError):  # it does not exist, or is not empty
                place.rmdir()
        raise


def is_finished(out: str, resume: bool) -> bool:
    """Return whether a training to resume is already complete, and say so.

    Raises:
        CheckpointError: for a file that cannot be read.
    """
    if not (resume and os.path.lexists(out)) or has_training(out):
        return False
    print(f"{out} holds a finished model: nothing to resume")
    return True


@contextlib.contextmanager
def naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Make an OSError name the user's file, not a temporary file or none at all."""
    try:
        yield
    except OSError as error:
        if error.strerror is None:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def check_save(task: Task, path: str) -> None:
    """Find out before the training what would keep the model from being saved after it."""
    try:
        with naming(path):
            task.check_save(path)
    except ValueError as error:
        raise ValueError(f"{error}; --min-count and --max-vocabulary make the vocabularies smaller") from None


def _check_inputs(path: Path, out: str, inputs: Iterable[str]) -> None:
    for source in inputs:
        with contextlib.suppress(OSError):  # one of them does not exist, so they differ
            if os.path.samefile(path, source):
                raise ValueError(f"--out {out}: {path} is the same file as {source}, which is read")


def _is_model(path: Path) -> bool:
    try:
        read_metadata(path)
    except (CheckpointError, OSError):
        return False
    return True
