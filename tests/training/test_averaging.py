"""The mean of saved models."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from comparing import assert_close

from seqmem import Encoder, Linear, save
from seqmem.training import CheckpointError, average_checkpoints


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_parameter_is_the_mean(tmp_path: Path, dtype: Any) -> None:
    models = [Encoder(7, 3, 4, cell="gru", rng=seed, dtype=dtype) for seed in range(3)]
    for k, model in enumerate(models):
        save(tmp_path / f"{k}.npz", model)
    mean = average_checkpoints([tmp_path / f"{k}.npz" for k in range(3)])
    assert isinstance(mean, Encoder)
    assert list(mean.params) == list(models[0].params)
    for name, param in mean.params.items():
        assert param.dtype == dtype
        assert_close(param, np.mean([model.params[name] for model in models], axis=0))


def test_the_mean_of_one_is_itself(tmp_path: Path) -> None:
    save(tmp_path / "model.npz", Linear(3, 2, rng=0))
    np.testing.assert_array_equal(
        average_checkpoints([tmp_path / "model.npz"]).params["W"], Linear(3, 2, rng=0).W
    )


def test_what_does_not_fit_is_refused_with_its_file(tmp_path: Path) -> None:
    save(tmp_path / "a.npz", Linear(3, 2))
    save(tmp_path / "b.npz", Linear(3, 4))
    with pytest.raises(ValueError, match=r"b\.npz has a model with other parameters than .*a\.npz"):
        average_checkpoints([tmp_path / "a.npz", tmp_path / "b.npz"])
    with pytest.raises(CheckpointError, match=r"c\.npz"):
        average_checkpoints([tmp_path / "a.npz", tmp_path / "c.npz"])
    with pytest.raises(ValueError, match="average_checkpoints: paths is empty"):
        average_checkpoints([])
    with pytest.raises(TypeError, match=r"average_checkpoints: paths\[0\] is of type int"):
        average_checkpoints([3])  # type: ignore[list-item]
