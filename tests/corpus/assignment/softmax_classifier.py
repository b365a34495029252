import numpy as np
from random import shuffle
from past.builtins import xrange


def softmax_loss_naive(W, X, y, reg):
    """
    Softmax loss with loops. W: (D, C), X: (N, D), y: (N,) labels, reg: (float) strength
    Returns loss as a single float, gradient with respect to W
    """
    loss = 0.0
    dW = np.zeros_like(W)
    num_train = X.shape[0]
    num_classes = W.shape[1]
    for i in range(num_train):
        f = X[i].dot(W)
        f -= np.max(f)
        p = np.exp(f) / np.sum(np.exp(f))
        loss -= np.log(p[y[i]])
        for j in range(num_classes):
            dW[:, j] += (p[j] - (j == y[i])) * X[i]
    loss = loss / num_train + reg * np.sum(W * W)
    dW = dW / num_train + 2 * reg * W
    return loss, dW


def softmax_loss_vectorized(W, X, y, reg):
    N = len(y)
    scores = X @ W
    scores = scores - scores.max(axis=1)[:, None]
    p = np.exp(scores) / np.exp(scores).sum(axis=1)[:, None]
    loss = -np.log(p[range(N), y]).sum() / N + reg * (W ** 2).sum()
    p[range(N), y] -= 1
    dW = X.T @ p / N + 2 * reg * W
    return loss, dW
