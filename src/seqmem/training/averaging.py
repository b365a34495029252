"""The mean of several saved models, such as those of the last epochs of one training."""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy as np

from seqmem.module import Array, Module
from seqmem.training.files.checkpoint import load
from seqmem.validation import as_list, as_path


def average_checkpoints(paths: Iterable[str | os.PathLike[str]]) -> Module:
    """Return a model with the mean of the parameters of saved models.

    The models must be states of one training: parameters of trainings that started differently have nothing
    in common. Averaging over the last checkpoints is customary in translation (Junczys-Dowmunt et al., 2016;
    Vaswani et al., 2017, section 6.1); `AverageEpochs` does it without files.

    Args:
        paths: files that `save` wrote; at least one.

    Returns:
        The first model, with the means as its parameters.

    Raises:
        CheckpointError: for a file that does not contain a model.
        ValueError: for no files, or models whose parameters have different names or shapes; the message names
            the file.
        TypeError: for anything but paths.

    >>> import pathlib, tempfile
    >>> from seqmem import Linear, save
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = [pathlib.Path(folder, f"epoch{k}.npz") for k in range(2)]
    ...     for seed, file in enumerate(files):
    ...         save(file, Linear(1, 1, rng=seed))
    ...     mean = average_checkpoints(files).params["W"]
    >>> mean == (Linear(1, 1, rng=0).W + Linear(1, 1, rng=1).W) / 2
    array([[ True]])
    """
    caller = "average_checkpoints"
    files = as_list(paths, caller, "paths", "a list of paths")
    if not files:
        raise ValueError(f"{caller}: paths is empty, expected at least one file")
    for position, path in enumerate(files):
        as_path(path, caller, f"paths[{position}]")
    first = load(files[0])
    params = first.params
    sums: dict[str, Array] = {name: param.astype(np.float64) for name, param in params.items()}
    for path in files[1:]:
        other = load(path).params
        shapes = {name: param.shape for name, param in other.items()}
        if shapes != {name: param.shape for name, param in params.items()}:
            raise ValueError(
                f"{caller}: {os.fspath(path)} has a model with other parameters than {os.fspath(files[0])}"
            )
        for name, param in other.items():
            sums[name] += param
    for name, param in params.items():
        param[...] = sums[name] / len(files)
    return first
