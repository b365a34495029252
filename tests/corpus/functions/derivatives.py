# activation functions f and df: df takes the upstream gradient and the input of f
import numpy as np


def softplus(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)


def d_softplus(dy, x):
    return dy / (1 + np.exp(-x))


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


def d_elu(dy, x, alpha=1.0):
    return dy * np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0)))


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))


def d_gelu(dy, x):
    k = np.sqrt(2 / np.pi)
    t = np.tanh(k * (x + 0.044715 * x ** 3))
    return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t ** 2) * k * (1 + 3 * 0.044715 * x ** 2))


def hard_sigmoid(x):
    return np.clip(0.2 * x + 0.5, 0, 1)


def d_hard_sigmoid(dy, x):
    return dy * 0.2 * (np.abs(x) < 2.5)
