"""Mistakes in the cross-entropy."""

from __future__ import annotations

from seqmem.checking.catalogue.mistakes.record import Mistake

_D_LOSSES = "d_losses = d_loss * mask / counted"
_D_LOGITS = "d_logits = d_losses[:, :, None] * (p - onehot)"
_ONEHOT = "onehot = targets[:, :, None] == np.arange(V)"
_LOG_P = "log_p = shifted - np.log(total)"
_LOSSES = "losses = -(log_p * onehot).sum(axis=-1)"
_LOSS = "loss = (losses * mask).sum() / counted"
_TOTAL = "total = e.sum(axis=-1, keepdims=True)"

_BACKWARD = (
    (
        "mean-over-padding",
        _D_LOSSES,
        "d_losses = d_loss * mask / mask.size",
        "The gradient is divided by all T · B positions; the mean counts those the mask keeps.",
        "How many positions does the mean count?",
    ),
    (
        "mean-missing",
        _D_LOSSES,
        "d_losses = d_loss * mask",
        "The gradient is not divided by the number of positions: it is that of the sum, not of the mean.",
        "Is the loss a sum or a mean?",
    ),
    (
        "mean-over-batch-only",
        _D_LOSSES,
        "d_losses = d_loss * mask / mask.shape[1]",
        "The gradient is divided by the batch size B; the mean counts all unmasked positions.",
        "How many positions does the mean count?",
    ),
    (
        "mean-over-steps-only",
        _D_LOSSES,
        "d_losses = d_loss * mask / len(mask)",
        "The gradient is divided by the number of steps T; the mean counts all unmasked positions.",
        "How many positions does the mean count?",
    ),
    (
        "mean-twice",
        _D_LOSSES,
        "d_losses = d_loss * mask / counted**2",
        "The gradient is divided by the number of positions twice.",
        "In how many places does your code take the mean?",
    ),
    (
        "mean-of-each-sequence",
        _D_LOSSES,
        "d_losses = d_loss * mask / (mask.sum(axis=0) * mask.shape[1])",
        "Each sequence is averaged separately first: a position of a short sequence counts more.",
        "Does every unmasked position count the same?",
    ),
    (
        "gradient-at-padding",
        _D_LOSSES,
        "d_losses = d_loss * np.ones(mask.shape) / counted",
        "The mask is left out of the backward pass: padding gets a gradient.",
        "What is the derivative of the loss with respect to logits that it does not count?",
    ),
    (
        "mask-ignored",
        _D_LOSSES,
        "d_losses = d_loss * np.ones(mask.shape) / mask.size",
        "The mask is ignored in the backward pass: padding gets a gradient and counts in the mean.",
        "Which positions does the loss count?",
    ),
    (
        "mask-inverted",
        _D_LOSSES,
        "d_losses = d_loss * ~mask / counted",
        "The mask is inverted: padding gets the gradient and the counted positions get none.",
        "Does True in the mask mean that a position counts or that it is padding?",
    ),
    (
        "upstream-ignored",
        _D_LOSSES,
        "d_losses = 1.0 * mask / counted",
        "The upstream gradient d_loss is ignored, as if the loss were always the last thing computed.",
        "What if the loss is multiplied by 3 afterwards?",
    ),
    (
        "target-not-subtracted",
        _D_LOGITS,
        "d_logits = d_losses[:, :, None] * p",
        "The gradient is just p; the 1 at the target is not subtracted.",
        "To what does the gradient of one position sum over the vocabulary?",
    ),
    (
        "target-only",
        _D_LOGITS,
        "d_logits = d_losses[:, :, None] * (p - 1) * onehot",
        "The gradient is p - 1 at the target and zero elsewhere: it contains only the softmax's diagonal.",
        "Does the loss change when another token's logit grows?",
    ),
    (
        "sign",
        _D_LOGITS,
        "d_logits = d_losses[:, :, None] * (onehot - 1.0 * p)",
        "The gradient has the opposite sign: it is target minus p.",
        "Does the loss grow or shrink when the target's logit grows?",
    ),
    (
        "one-subtracted-everywhere",
        _D_LOGITS,
        "d_logits = d_losses[:, :, None] * (p - 1)",
        "1 is subtracted from every entry of p, not only at the target.",
        "Which entry of p has a 1 subtracted from it?",
    ),
    (
        "one-over-p",
        _D_LOGITS,
        "d_logits = d_losses[:, :, None] * -1.0 * onehot / p",
        "The gradient stops at the probabilities, -1/p at the target: the softmax's derivative is missing.",
        "Is this the gradient of the probabilities or of the logits?",
    ),
    (
        "softmax-derivative-again",
        _D_LOGITS,
        "d_p = p - onehot\n"
        "d_logits = d_losses[:, :, None] * p * (d_p - (p * d_p).sum(axis=-1, keepdims=True))",
        "p - target goes through the softmax's derivative again; it is the logits' gradient already.",
        "Which derivatives does p - target contain?",
    ),
    (
        "sigmoid-derivative-again",
        _D_LOGITS,
        "d_logits = d_losses[:, :, None] * (p - onehot) * p * (1 - p)",
        "p - target is multiplied by p (1 - p); it is the gradient of the logits already.",
        "Which derivatives does p - target contain?",
    ),
    (
        "softmax-over-p",
        _D_LOGITS,
        "e = np.exp(p)\nd_logits = d_losses[:, :, None] * (e / e.sum(axis=-1, keepdims=True) - onehot)",
        "The softmax is applied to p, which is a softmax already.",
        "Is p a logit or a probability?",
    ),
    (
        "squared-error",
        _D_LOGITS,
        "d_logits = d_losses[:, :, None] * 2 * (p - onehot)",
        "The gradient has the factor 2 of a squared error.",
        "Where would a 2 come from in -log p?",
    ),
    (
        "target-shifted",
        _D_LOGITS,
        "d_logits = d_losses[:, :, None] * (p - np.roll(onehot, -1, axis=0))",
        "The gradient subtracts the target of step t + 1; step t has its own.",
        "Which target belongs to the logits of step t?",
    ),
    (
        "mean-over-vocabulary",
        _D_LOGITS,
        "d_logits = d_losses[:, :, None] * (p - onehot) / p.shape[-1]",
        "The gradient is divided by the size of the vocabulary V.",
        "Over which axes is the mean taken?",
    ),
)
_FORWARD = (
    (
        "mean-over-padding",
        _LOSS,
        "loss = (losses * mask).sum() / mask.size",
        "The loss is divided by all T · B positions; the mean counts those the mask keeps.",
        "How many positions does the mean count?",
    ),
    (
        "mask-ignored",
        _LOSS,
        "loss = losses.mean()",
        "The mask is ignored: padding counts in the loss.",
        "Which positions does the loss count?",
    ),
    (
        "sum",
        _LOSS,
        "loss = (losses * mask).sum()",
        "The loss is the sum over the positions; it should be their mean.",
        "Does the loss grow with the size of the batch?",
    ),
    (
        "mean-over-batch-only",
        _LOSS,
        "loss = (losses * mask).sum() / mask.shape[1]",
        "The loss is summed over time and averaged over the batch; the mean counts all unmasked positions.",
        "Does the loss grow with the number of steps?",
    ),
    (
        "mean-of-each-sequence",
        _LOSS,
        "loss = ((losses * mask).sum(axis=0) / mask.sum(axis=0)).mean()",
        "Each sequence is averaged separately first: a position of a short sequence counts more.",
        "Does every unmasked position count the same?",
    ),
    (
        "mask-inverted",
        _LOSS,
        "loss = (losses * ~mask).sum() / (~mask).sum()",
        "The mask is inverted: padding is counted and nothing else.",
        "Does True in the mask mean that a position counts or that it is padding?",
    ),
    (
        "sign",
        _LOSSES,
        "losses = (log_p * onehot).sum(axis=-1)",
        "The minus sign of -log p is missing: the loss is negative.",
        "What sign has the logarithm of a probability?",
    ),
    (
        "log-missing",
        _LOSSES,
        "losses = -(p * onehot).sum(axis=-1)",
        "The loss is -p of the target; the logarithm is missing.",
        "What is the loss where the target's probability is 1?",
    ),
    (
        "log-2",
        _LOSSES,
        "losses = -(log_p * onehot).sum(axis=-1) / np.log(2)",
        "The loss is in bits, with logarithms to base 2; it should be in nats.",
        "What is the base of the logarithm?",
    ),
    (
        "squared-error",
        _LOSSES,
        "losses = ((p - onehot) ** 2).sum(axis=-1)",
        "The loss is the squared error of the probabilities.",
        "What does the loss do when the target's probability goes to 0?",
    ),
    (
        "binary",
        _LOSSES,
        "losses = -(np.where(onehot, log_p, np.log(1 - p))).sum(axis=-1)",
        "The loss is a binary cross-entropy of every token; only the target's -log p should count.",
        "Which entries of log p are in the loss?",
    ),
    (
        "epsilon-in-log",
        _LOG_P,
        "log_p = np.log(p + 1e-7)",
        "The logarithm is taken of p + 1e-7: p - target is not the gradient of that.",
        "How can log p be computed from the logits without a logarithm of 0?",
    ),
    (
        "softmax-twice",
        _LOG_P,
        "log_p = p - np.log(np.exp(p).sum(axis=-1, keepdims=True))",
        "The softmax is applied twice: p is taken for logits.",
        "Does your model return logits or probabilities, and which does the loss expect?",
    ),
    (
        "not-normalised",
        _LOG_P,
        "log_p = logits",
        "The loss takes the target's logit for its log-probability; the softmax is left out.",
        "Do the probabilities sum to 1?",
    ),
    (
        "softmax-over-batch",
        _TOTAL,
        "total = e.sum(axis=1, keepdims=True)",
        "The softmax runs over the batch; it should run over the vocabulary.",
        "Over which axis do the probabilities sum to 1?",
    ),
    (
        "softmax-over-time",
        _TOTAL,
        "total = e.sum(axis=0, keepdims=True)",
        "The softmax runs over the steps; it should run over the vocabulary.",
        "Over which axis do the probabilities sum to 1?",
    ),
    (
        "target-shifted-forwards",
        _ONEHOT,
        "onehot = np.roll(targets, -1, axis=0)[:, :, None] == np.arange(V)",
        "Step t is compared with the target of step t + 1: the targets are shifted once too often.",
        "Are the targets shifted already when they reach the loss?",
    ),
    (
        "target-shifted-backwards",
        _ONEHOT,
        "onehot = np.roll(targets, 1, axis=0)[:, :, None] == np.arange(V)",
        "Step t is compared with the target of step t - 1, which is its input.",
        "Which token does step t predict: the one it reads or the one after it?",
    ),
)

MISTAKES: tuple[Mistake, ...] = (
    *(Mistake(f"cross-entropy-{code}", "backward", *rest) for code, *rest in _BACKWARD),
    *(Mistake(f"cross-entropy-forward-{code}", "forward", *rest) for code, *rest in _FORWARD),
)
