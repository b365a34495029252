"""GRU over characters: one sequence, columns, everything about a step in dictionaries by t."""
import numpy as np


def sigmoid(x, deriv=False):
    if deriv:
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))


def tanh(x, deriv=False):
    return 1 - x ** 2 if deriv else np.tanh(x)


def lossFun(params, inputs, targets, hprev):
    """
    params: dict of Wz Uz bz Wr Ur br Wh Uh bh Wy by (columns); inputs, targets: lists of characters
    returns loss, dict of gradients, last hidden state
    """
    Wz, Uz, bz = params['Wz'], params['Uz'], params['bz']
    Wr, Ur, br = params['Wr'], params['Ur'], params['br']
    Wh, Uh, bh = params['Wh'], params['Uh'], params['bh']
    Wy, by = params['Wy'], params['by']
    x, z, r, h_hat, h, p = {}, {}, {}, {}, {-1: hprev}, {}
    loss = 0
    for t in range(len(inputs)):
        x[t] = np.zeros((Wz.shape[1], 1))
        x[t][inputs[t]] = 1
        z[t] = sigmoid(Wz @ x[t] + Uz @ h[t-1] + bz)
        r[t] = sigmoid(Wr @ x[t] + Ur @ h[t-1] + br)
        h_hat[t] = tanh(Wh @ x[t] + Uh @ (r[t] * h[t-1]) + bh)
        h[t] = z[t] * h[t-1] + (1 - z[t]) * h_hat[t]
        y = Wy @ h[t] + by
        p[t] = np.exp(y) / np.exp(y).sum()
        loss += -np.log(p[t][targets[t], 0])

    grads = {'d' + k: np.zeros_like(v) for k, v in params.items()}
    dhnext = np.zeros_like(hprev)
    for t in reversed(range(len(inputs))):
        dy = p[t].copy()
        dy[targets[t]] -= 1
        grads['dWy'] += dy @ h[t].T
        grads['dby'] += dy
        dh = Wy.T @ dy + dhnext

        dh_hat_l = dh * (1 - z[t]) * tanh(h_hat[t], deriv=True)
        grads['dWh'] += dh_hat_l @ x[t].T
        grads['dUh'] += dh_hat_l @ (r[t] * h[t-1]).T
        grads['dbh'] += dh_hat_l

        drhp = Uh.T @ dh_hat_l
        dr_l = drhp * h[t-1] * sigmoid(r[t], deriv=True)
        grads['dWr'] += dr_l @ x[t].T
        grads['dUr'] += dr_l @ h[t-1].T
        grads['dbr'] += dr_l

        dz_l = dh * (h[t-1] - h_hat[t]) * sigmoid(z[t], deriv=True)
        grads['dWz'] += dz_l @ x[t].T
        grads['dUz'] += dz_l @ h[t-1].T
        grads['dbz'] += dz_l

        dhnext = Uz.T @ dz_l + dh * z[t] + drhp * r[t] + Ur.T @ dr_l
    return loss, grads, h[len(inputs) - 1]
