import numpy as np

# Convention of the GPU kernels: gates r, z, n stacked by rows; the reset gate acts after the product.


def _sig(a):
    return 1.0 / (1.0 + np.exp(-a))


def gru_cell_fwd(x, h, w_ih, w_hh, b_ih, b_hh):
    gi = x @ w_ih.T + b_ih
    gh = h @ w_hh.T + b_hh
    i_r, i_z, i_n = np.split(gi, 3, axis=1)
    h_r, h_z, h_n = np.split(gh, 3, axis=1)
    r, z = _sig(i_r + h_r), _sig(i_z + h_z)
    n = np.tanh(i_n + r * h_n)
    return n + z * (h - n), (x, h, w_ih, w_hh, r, z, n, h_n)


def gru_cell_bwd(grad_h, saved):
    x, h, w_ih, w_hh, r, z, n, h_n = saved
    d_n = grad_h * (1 - z) * (1 - n**2)
    d_z = grad_h * (h - n) * z * (1 - z)
    d_r = d_n * h_n * r * (1 - r)
    d_gi = np.concatenate([d_r, d_z, d_n], axis=1)
    d_gh = np.concatenate([d_r, d_z, d_n * r], axis=1)
    return (d_gi @ w_ih, d_gh @ w_hh + grad_h * z, d_gi.T @ x, d_gh.T @ h, d_gi.sum(0), d_gh.sum(0))


def gru_fwd(x, h0, w_ih, w_hh, b_ih, b_hh):
    """x: (batch, time, features); returns (outputs, last state), saved"""
    h, outputs, saved = h0, [], []
    for t in range(x.shape[1]):
        h, s = gru_cell_fwd(x[:, t], h, w_ih, w_hh, b_ih, b_hh)
        outputs.append(h)
        saved.append(s)
    return np.stack(outputs, axis=1), h, saved


def gru_bwd(grad_out, grad_hn, saved):
    g = grad_hn
    grads_x, totals = [], [0, 0, 0, 0]
    for t in range(len(saved) - 1, -1, -1):
        gx, g, *rest = gru_cell_bwd(grad_out[:, t] + g, saved[t])
        grads_x.append(gx)
        totals = [a + b for a, b in zip(totals, rest)]
    return (np.stack(grads_x[::-1], axis=1), g, *totals)
