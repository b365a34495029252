"""The zip that Gradescope takes as an autograder: two scripts, this package, and what is to be graded."""

from __future__ import annotations

import secrets
import zipfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from seqmem.exercises.exercise import Exercise

_SCRIPTS = ("setup.sh", "run_autograder")
_PACKAGE = Path(__file__).parents[2]
_SKIPPED = ("__pycache__",)


def write_autograder(
    path: Path, exercises: Sequence[Exercise], options: Sequence[str] = (), seed: str = ""
) -> None:
    """Write an autograder's zip.

    Args:
        path: the file; it must not exist, or is replaced.
        exercises: what is graded.
        options: of `exercises grade`, such as "--seconds", "30".
        seed: the secret that the numbers come from; a new one when "".

    Raises:
        ValueError: when there are no exercises.
    """
    if not exercises:
        raise ValueError("an autograder needs at least one exercise")
    names = [exercise.name for exercise in exercises]
    part = path.with_name(f"{path.name}.part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for script in _SCRIPTS:
            text = resources.files("seqmem.exercises.grading").joinpath("assets", script).read_text("utf-8")
            _add(archive, script, text.encode(), 0o755)
        _add(archive, "exercises", "\n".join(names).encode() + b"\n", 0o644)
        _add(archive, "options", "".join(f"{option}\n" for option in options).encode(), 0o644)
        _add(archive, "seed", (seed or secrets.token_hex(16)).encode() + b"\n", 0o600)
        for file in sorted(_PACKAGE.rglob("*")):
            if file.is_file() and not any(part in _SKIPPED for part in file.parts):
                _add(
                    archive,
                    f"package/seqmem/{file.relative_to(_PACKAGE).as_posix()}",
                    file.read_bytes(),
                    0o644,
                )
    part.replace(path)


def _add(archive: zipfile.ZipFile, name: str, data: bytes, mode: int) -> None:
    about = zipfile.ZipInfo(name)  # of a fixed date: the same package is the same zip, but for the seed
    about.external_attr = (0o100000 | mode) << 16
    about.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(about, data)
