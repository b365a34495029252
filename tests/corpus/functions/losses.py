import numpy as np


def cross_entropy_loss(logits, targets, smoothing=0.0, verbose=False):
    """mean over the batch; returns loss and its gradient towards the logits"""
    n, k = logits.shape
    q = np.full((n, k), smoothing / k)
    q[np.arange(n), targets] += 1 - smoothing
    m = logits.max(axis=1, keepdims=True)
    logp = logits - m - np.log(np.exp(logits - m).sum(axis=1, keepdims=True))
    loss = -(q * logp).sum() / n
    if verbose:
        print("loss", loss)
    return loss, (np.exp(logp) - q) / n


def mse_loss(pred, target):
    diff = pred - target
    return 0.5 * np.sum(diff ** 2) / len(pred), diff / len(pred)


def binary_cross_entropy(logit, label):
    loss = np.mean(np.maximum(logit, 0) - logit * label + np.log1p(np.exp(-np.abs(logit))))
    grad = (1 / (1 + np.exp(-logit)) - label) / label.size
    return loss, grad


def huber(pred, target, delta=1.0):
    r = pred - target
    small = np.abs(r) <= delta
    loss = np.where(small, 0.5 * r ** 2, delta * (np.abs(r) - 0.5 * delta)).mean()
    return loss, np.where(small, r, delta * np.sign(r)) / r.size
