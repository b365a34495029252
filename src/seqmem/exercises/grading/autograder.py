"""The zip that Gradescope uses as an autograder: two scripts, this package, and the exercises."""

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
        path: the file, which is overwritten if it exists.
        exercises: the exercises to grade.
        options: options of `exercises grade`, such as "--seconds", "30".
        seed: the secret seed of the numbers; "" for a new one.

    Raises:
        ValueError: if there are no exercises.
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
    about = zipfile.ZipInfo(name)  # with a fixed date: the zip depends only on the package and the seed
    about.external_attr = (0o100000 | mode) << 16
    about.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(about, data)
