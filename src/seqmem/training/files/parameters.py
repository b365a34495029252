"""Parameters of a file for a module that exists: no description is needed, and no class is looked up."""

from __future__ import annotations

from typing import Any

from seqmem.training.files.checkpoint import check_entries, model_entries
from seqmem.training.files.npz import CheckpointError, Reader
from seqmem.training.files.replacing import PathLike


def load_params(module: Any, path: PathLike) -> None:
    """Read the parameters of a file into a module, all or none of them.

    The file may come from `save`, whatever its model's class, from `fit(checkpoint=...)`, or from
    `np.savez(path, **module.params)`. Its arrays must have the names, dtypes and shapes of the module's
    parameters.

    Args:
        module: a module, or anything with `params`; its arrays are written to.
        path: the file, used exactly as given.

    Raises:
        CheckpointError: for a file that cannot be read, or whose arrays differ from the parameters; nothing
            has changed then. Also a FileNotFoundError if there is no such file.
        TypeError: for an object without `params`.

    >>> from seqmem.layers import Linear
    >>> from seqmem.training import save
    >>> module = Linear(2, 3, rng=0)
    >>> save("linear.npz", Linear(2, 3, rng=1))
    >>> load_params(module, "linear.npz")
    >>> np.array_equal(module.W, Linear(2, 3, rng=1).W)
    True
    """
    params = getattr(module, "params", None)
    if isinstance(module, type) or not isinstance(params, dict):
        raise TypeError(
            f"load_params: module is of type {type(module).__name__}, expected an object with params"
        )
    with Reader(path) as file:
        entries = model_entries(file)
        check_entries(params, entries, file.fail)
        found = {name: file.array(name) for name in params}
        for name in file.entries:
            if name not in params:
                file.verify(name)
    read_only = next((name for name, param in params.items() if not param.flags.writeable), None)
    if read_only is not None:
        raise CheckpointError(
            f"load_params: {read_only} of the module is read-only, expected a writable array"
        )
    for name, array in found.items():
        params[name][...] = array
