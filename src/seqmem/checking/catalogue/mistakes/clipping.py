"""Mistakes in clipping gradients by their common norm."""

from __future__ import annotations

from seqmem.checking.catalogue.mistakes.record import Mistake

_SQUARES = "squares = sum((grad**2).sum() for grad in grads.values())"
_NORM = "norm = np.sqrt(squares)"
_SCALE = "scale = max_norm / norm if norm.real > max_norm else 1.0"
_CLIPPED = "clipped = {name: grad * scale for name, grad in grads.items()}"

_TABLE = (
    (
        "each-array-by-its-own-norm",
        _CLIPPED,
        "norms = {name: np.sqrt((grad**2).sum()) for name, grad in grads.items()}\n"
        "clipped = {name: grad * min(1.0, max_norm / norms[name].real) for name, grad in grads.items()}",
        "Each array is clipped by its own norm; the direction of the whole gradient changes.",
        "Over which arrays is the norm taken?",
    ),
    (
        "element-wise",
        _CLIPPED,
        "clipped = {name: grad.clip(-max_norm, max_norm) for name, grad in grads.items()}",
        "Every entry is clipped separately to ±max_norm; the common norm should be bounded.",
        "Does clipping change the gradient's direction?",
    ),
    (
        "root-missing",
        _NORM,
        "norm = squares",
        "The norm is taken as the sum of squares; the root is missing.",
        "What is the norm of (3, 4)?",
    ),
    (
        "root-of-mean",
        _NORM,
        "norm = np.sqrt(squares / sum(grad.size for grad in grads.values()))",
        "The norm is the root of the mean square; it should be the root of the sum of squares.",
        "What is the norm of (3, 4)?",
    ),
    (
        "sum-of-norms",
        _NORM,
        "norm = sum(np.sqrt((grad**2).sum()) for grad in grads.values())",
        "The norms of the arrays are added up; the squares should be, with one root at the end.",
        "What is the norm of two arrays whose norms are 3 and 4?",
    ),
    (
        "largest-norm",
        _NORM,
        "norm = np.sqrt(max((grad**2).sum() for grad in grads.values()))",
        "The common norm is taken as the largest array's.",
        "What is the norm of two arrays whose norms are 3 and 4?",
    ),
    (
        "sum-of-magnitudes",
        _NORM,
        "norm = sum(abs(grad).sum() for grad in grads.values())",
        "The norm is the sum of magnitudes; it should be Euclidean.",
        "What is the norm of (3, 4)?",
    ),
    (
        "largest-magnitude",
        _NORM,
        "norm = max(abs(grad).max() for grad in grads.values())",
        "The norm is the largest magnitude; it should be Euclidean.",
        "What is the norm of (3, 4)?",
    ),
    (
        "bias-left-out",
        _SQUARES,
        'squares = sum((grad**2).sum() for name, grad in grads.items() if name != "b")',
        "The bias's gradient is left out of the norm.",
        "Over which arrays is the norm taken?",
    ),
    (
        "bias-not-scaled",
        _CLIPPED,
        'clipped = {name: grad * (1.0 if name == "b" else scale) for name, grad in grads.items()}',
        "The bias's gradient is not scaled with the others.",
        "Which arrays are scaled?",
    ),
    (
        "scaled-always",
        _SCALE,
        "scale = max_norm / norm",
        "The gradients are scaled to max_norm even where their norm is below it: small ones grow.",
        "What happens to a gradient whose norm is below max_norm?",
    ),
    (
        "never",
        _SCALE,
        "scale = 1.0",
        "The gradients are not clipped at all.",
        "What is returned if the norm is above max_norm?",
    ),
    (
        "condition-inverted",
        _SCALE,
        "scale = max_norm / norm if norm.real < max_norm else 1.0",
        "The comparison is inverted: small gradients are scaled up and large ones left alone.",
        "Which gradients are to be scaled: those above max_norm or those below?",
    ),
    (
        "ratio-inverted",
        _SCALE,
        "scale = norm / max_norm if norm.real > max_norm else 1.0",
        "The scale is norm / max_norm: gradients that are too large grow.",
        "Is the scale of a large gradient above or below 1?",
    ),
    (
        "to-unit-norm",
        _SCALE,
        "scale = 1 / norm if norm.real > max_norm else 1.0",
        "The gradients are scaled to norm 1; they should be scaled to max_norm.",
        "What is the norm after clipping?",
    ),
    (
        "scaled-by-max-norm",
        _SCALE,
        "scale = max_norm if norm.real > max_norm else 1.0",
        "The gradients are multiplied by max_norm and not divided by their norm.",
        "What is the norm after clipping?",
    ),
    (
        "scaled-twice",
        _SCALE,
        "scale = (max_norm / norm) ** 2 if norm.real > max_norm else 1.0",
        "The scale is applied twice, as when clipping runs once for each array.",
        "How many times are the gradients multiplied by the scale?",
    ),
    (
        "set-to-zero",
        _SCALE,
        "scale = 0.0 if norm.real > max_norm else 1.0",
        "Gradients that are too large are thrown away; they should be scaled.",
        "What is the norm after clipping?",
    ),
    (
        "negative",
        _SCALE,
        "scale = -max_norm / norm if norm.real > max_norm else -1.0",
        "The clipped gradients have the opposite sign.",
        "Is this still the gradient, or already the step in the opposite direction?",
    ),
    (
        "epsilon-in-the-division",
        _SCALE,
        "scale = max_norm / (norm + 1e-6) if norm.real > max_norm else 1.0",
        "1e-6 is added to the norm before the division, as PyTorch does: the result falls short of max_norm.",
        "What is the norm after clipping?",
    ),
)

MISTAKES: tuple[Mistake, ...] = tuple(Mistake(f"clipping-{code}", "forward", *rest) for code, *rest in _TABLE)
