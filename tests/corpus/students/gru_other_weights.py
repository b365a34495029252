import numpy as np


def sig(v):
    return 1.0 / (1.0 + np.exp(-v))


def gru_cell_fwd(x, h, Wr, Ur, Wz, Uz, Wn, Un):
    # x: (N, D), h: (N, H); no biases
    r = sig(np.dot(x, Wr) + np.dot(h, Ur))
    z = sig(np.dot(x, Wz) + np.dot(h, Uz))
    rh = r * h
    n = np.tanh(np.dot(x, Wn) + np.dot(rh, Un))
    out = (1 - z) * n + z * h
    return out, (x, h, Wr, Ur, Wz, Uz, Wn, Un, r, z, rh, n)


def gru_cell_bwd(dout, cache):
    x, h, Wr, Ur, Wz, Uz, Wn, Un, r, z, rh, n = cache
    dn_raw = dout * (1 - z) * (1 - n * n)
    dz_raw = dout * (h - n) * z * (1 - z)
    drh = np.dot(dn_raw, Un.T)
    dr_raw = drh * h * r * (1 - r)
    dx = np.dot(dn_raw, Wn.T) + np.dot(dz_raw, Wz.T) + np.dot(dr_raw, Wr.T)
    dh = dout * z + drh * r + np.dot(dz_raw, Uz.T) + np.dot(dr_raw, Uz.T)
    dWr, dUr = np.dot(x.T, dr_raw), np.dot(h.T, dr_raw)
    dWz, dUz = np.dot(x.T, dz_raw), np.dot(h.T, dz_raw)
    dWn, dUn = np.dot(x.T, dn_raw), np.dot(rh.T, dn_raw)
    return dx, dh, dWr, dUr, dWz, dUz, dWn, dUn
