"""Gradient descent: updates of parameters from gradients, and the bound on a gradient's norm.

An optimizer consists of hyper-parameters, a state and one update. The state is a flat dict of arrays,
which the first step creates, so `np.savez(path, **optimizer.state)` stores it and
`optimizer.state = dict(np.load(path))` restores it.
"""

from seqmem.training.optimizers.adam import Adam, AdamW
from seqmem.training.optimizers.base import Optimizer
from seqmem.training.optimizers.clipping import clip_by_global_norm
from seqmem.training.optimizers.rmsprop import RMSProp
from seqmem.training.optimizers.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSProp", "clip_by_global_norm"]
