"""A linear recurrent network with two weights learns to count ones (manner: course notes turned script)."""

# Imports
import numpy as np
import matplotlib
import matplotlib.pyplot as plt
import seaborn as sns

np.random.seed(seed=1)
sns.set_style('darkgrid')

nb_of_samples = 20
sequence_len = 10
X = np.zeros((nb_of_samples, sequence_len))
for row_idx in range(nb_of_samples):
    X[row_idx, :] = np.around(np.random.rand(sequence_len)).astype(int)
t = np.sum(X, axis=1)


def update_state(xk, sk, wx, wRec):
    """state k from the previous state sk and the current input xk"""
    return xk * wx + sk * wRec


def forward_states(X, wx, wRec):
    """Unfold the network; returns all states, (n_samples, n_steps + 1)"""
    S = np.zeros((X.shape[0], X.shape[1] + 1))
    for k in range(0, X.shape[1]):
        S[:, k+1] = update_state(X[:, k], S[:, k], wx, wRec)
    return S


def loss(y, t):
    return np.mean((t - y)**2)


def output_gradient(y, t):
    return 2. * (y - t)


def backward_gradient(X, S, grad_out, wRec):
    """
    Backpropagate the gradient at the output through the network.
    Returns the two weights' gradients and the gradients at the states.
    """
    grad_over_time = np.zeros((X.shape[0], X.shape[1] + 1))
    grad_over_time[:, -1] = grad_out
    wx_grad = 0
    wRec_grad = 0
    for k in range(X.shape[1], 0, -1):
        wx_grad += np.sum(np.mean(grad_over_time[:, k] * X[:, k-1], axis=0))
        wRec_grad += np.sum(np.mean(grad_over_time[:, k] * S[:, k-1]), axis=0)
        grad_over_time[:, k-1] = grad_over_time[:, k] * wRec
    return (wx_grad, wRec_grad), grad_over_time


W = [-1.5, 2.0]
W_sign = [0, 0]
W_delta = [0.001, 0.001]
for i in range(500):
    S = forward_states(X, W[0], W[1])
    grads, _ = backward_gradient(X, S, output_gradient(S[:, -1], t), W[1])
    for j in range(2):
        W_delta[j] *= 1.2 if np.sign(grads[j]) == W_sign[j] else 0.5
        W_sign[j] = np.sign(grads[j])
        W[j] -= W_sign[j] * W_delta[j]
print(f'Final weights are: wx = {W[0]:.4f},  wRec = {W[1]:.4f}')
