"""seqmem's parameters in torch's layout, and gradients on the way back.

W_x (G, D, H) is weight_ih (G·H, D). The LSTM's i, f, o, g are torch's i, f, g, o. The GRU's z writes where
torch's keeps, so that gate's weights and biases change sign. torch adds two biases; ours is the first, and
the second is zero but for the GRU's b_hn.
"""

from __future__ import annotations

import numpy as np
import torch

ORDER = {"lstm": [0, 1, 3, 2], "gru": [0, 1, 2], "rnn": [0]}  # its own inverse
SIGNS = {"lstm": [1, 1, 1, 1], "gru": [1, -1, 1], "rnn": [1]}


def to_torch(W: np.ndarray, kind: str) -> torch.Tensor:
    """(G, d, H) to (G·H, d), or (G, H) to (G·H,)."""
    signs = np.array(SIGNS[kind], W.dtype).reshape(-1, *(1 for _ in W.shape[1:]))
    gates = (W * signs)[ORDER[kind]]
    if gates.ndim == 2:
        return torch.from_numpy(gates.reshape(-1))
    return torch.from_numpy(np.ascontiguousarray(gates.transpose(0, 2, 1)).reshape(-1, W.shape[1]))


def from_torch(tensor: torch.Tensor, kind: str) -> np.ndarray:
    """The way back: (G·H, d) to (G, d, H), or (G·H,) to (G, H)."""
    found = tensor.detach().numpy()
    gates = found.reshape(len(ORDER[kind]), -1, *found.shape[1:])[ORDER[kind]]
    gates = gates * np.array(SIGNS[kind], found.dtype).reshape(-1, *(1 for _ in gates.shape[1:]))
    return gates.transpose(0, 2, 1) if gates.ndim == 3 else gates


def biases_to_torch(b: np.ndarray, b_hn: np.ndarray | None, kind: str) -> tuple[torch.Tensor, torch.Tensor]:
    """torch's two biases, (G·H,) each."""
    second = np.zeros_like(b)
    if b_hn is not None:
        second[2] = b_hn
    return to_torch(b, kind), to_torch(second, kind)
