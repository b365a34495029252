"""Correct passes in different styles: the checker must not find a mistake in any of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from seqmem.module import Array


class Style(NamedTuple):
    """A pair of correct passes in one style."""

    name: str
    like: str  # a name of `KINDS`
    forward: Callable[..., Any]
    backward: Callable[..., Any]


def _sigmoid(x: Array) -> Array:
    """Return the logistic function in its most common form."""
    return 1 / (1 + np.exp(-x))


def _lstm_joined_forward(x: Array, h_prev: Array, c_prev: Array, W: Array, b: Array) -> Any:
    """Take x (B, D), h_prev, c_prev (B, H), W (H+D, 4H) on [h, x], b (4H,)."""
    hx = np.hstack((h_prev, x))
    i, f, o, g = np.split(hx @ W + b, 4, axis=1)
    i, f, o, g = _sigmoid(i), _sigmoid(f), _sigmoid(o), np.tanh(g)
    next_c = f * c_prev + i * g
    next_h = o * np.tanh(next_c)
    cache = (hx, c_prev, W, i, f, o, g, next_c)
    return next_h, next_c, cache


def _lstm_joined_backward(dnext_h: Array, dnext_c: Array, cache: Any) -> Any:
    """Return the gradients in the order of the inputs."""
    hx, c_prev, W, i, f, o, g, next_c = cache
    H = c_prev.shape[1]
    tanh_c = np.tanh(next_c)
    dc = dnext_c + dnext_h * o * (1 - tanh_c**2)
    di = dc * g * i * (1 - i)
    df = dc * c_prev * f * (1 - f)
    do = dnext_h * tanh_c * o * (1 - o)
    dg = dc * i * (1 - g**2)
    da = np.hstack((di, df, do, dg))
    dhx = da @ W.T
    return dhx[:, H:], dhx[:, :H], dc * f, hx.T @ da, da.sum(axis=0)


def _lstm_wide_forward(x: Array, prev_h: Array, prev_c: Array, Wx: Array, Wh: Array, b: Array) -> Any:
    """Take x (B, D), prev_h, prev_c (B, H), Wx (D, 4H), Wh (H, 4H), b (4H,)."""
    H = prev_h.shape[1]
    a = x.dot(Wx) + prev_h.dot(Wh) + b
    i = _sigmoid(a[:, :H])
    f = _sigmoid(a[:, H : 2 * H])
    o = _sigmoid(a[:, 2 * H : 3 * H])
    g = np.tanh(a[:, 3 * H :])
    next_c = f * prev_c + i * g
    tanh_c = np.tanh(next_c)
    next_h = o * tanh_c
    return next_h, next_c, (x, prev_h, prev_c, Wx, Wh, i, f, o, g, tanh_c)


def _lstm_wide_backward(dnext_h: Array, dnext_c: Array, cache: Any) -> Any:
    """Return the gradients in the order of the inputs."""
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, tanh_c = cache
    H = prev_h.shape[1]
    dc = dnext_h * o * (1 - tanh_c * tanh_c) + dnext_c
    da = np.zeros((x.shape[0], 4 * H))
    da[:, :H] = dc * g * i * (1 - i)
    da[:, H : 2 * H] = dc * prev_c * f * (1 - f)
    da[:, 2 * H : 3 * H] = dnext_h * tanh_c * o * (1 - o)
    da[:, 3 * H :] = dc * i * (1 - g * g)
    dx = da.dot(Wx.T)
    dprev_h = da.dot(Wh.T)
    dprev_c = dc * f
    dWx = x.T.dot(da)
    dWh = prev_h.T.dot(da)
    db = np.sum(da, axis=0)
    return dx, dprev_h, dprev_c, dWx, dWh, db


def _lstm_per_gate_forward(
    x: Array,
    h: Array,
    c: Array,
    W_xi: Array,
    W_hi: Array,
    b_i: Array,
    W_xf: Array,
    W_hf: Array,
    b_f: Array,
    W_xo: Array,
    W_ho: Array,
    b_o: Array,
    W_xc: Array,
    W_hc: Array,
    b_c: Array,
) -> Any:
    """Take x (B, D), h, c (B, H); for each gate and the candidate W_x (D, H), W_h (H, H), b (H,)."""
    I = _sigmoid(np.matmul(x, W_xi) + np.matmul(h, W_hi) + b_i)  # noqa: E741 - as in the book
    F = _sigmoid(np.matmul(x, W_xf) + np.matmul(h, W_hf) + b_f)
    O = _sigmoid(np.matmul(x, W_xo) + np.matmul(h, W_ho) + b_o)  # noqa: E741
    C_tilde = np.tanh(np.matmul(x, W_xc) + np.matmul(h, W_hc) + b_c)
    C = F * c + I * C_tilde
    H = O * np.tanh(C)
    weights = (W_xi, W_hi, W_xf, W_hf, W_xo, W_ho, W_xc, W_hc)
    return H, C, (x, h, c, weights, I, F, O, C_tilde, C)


def _lstm_per_gate_backward(dH: Array, dC: Array, cache: Any) -> Any:
    """Return the gradients in the order of the inputs."""
    x, h, c, weights, I, F, O, C_tilde, C = cache  # noqa: E741
    W_xi, W_hi, W_xf, W_hf, W_xo, W_ho, W_xc, W_hc = weights
    dC = dC + dH * O * (1 - np.tanh(C) ** 2)
    di = dC * C_tilde * I * (1 - I)
    df = dC * c * F * (1 - F)
    do = dH * np.tanh(C) * O * (1 - O)
    dc = dC * I * (1 - C_tilde**2)
    dx = di @ W_xi.T + df @ W_xf.T + do @ W_xo.T + dc @ W_xc.T
    dh = di @ W_hi.T + df @ W_hf.T + do @ W_ho.T + dc @ W_hc.T
    grads: list[Array] = []
    for d in (di, df, do, dc):
        grads += [x.T @ d, h.T @ d, d.sum(0)]
    return (dx, dh, dC * F, *grads)


def _lstm_features_first_forward(
    xt: Array,
    a_prev: Array,
    c_prev: Array,
    Wf: Array,
    Wi: Array,
    Wc: Array,
    Wo: Array,
    bf: Array,
    bi: Array,
    bc: Array,
    bo: Array,
) -> Any:
    """Take xt (D, B), a_prev, c_prev (H, B), each W (H, H+D) on [a; x], each b (H, 1)."""
    concat = np.concatenate([a_prev, xt], axis=0)
    ft = _sigmoid(np.dot(Wf, concat) + bf)
    it = _sigmoid(np.dot(Wi, concat) + bi)
    cct = np.tanh(np.dot(Wc, concat) + bc)
    ot = _sigmoid(np.dot(Wo, concat) + bo)
    c_next = ft * c_prev + it * cct
    a_next = ot * np.tanh(c_next)
    parameters = {"Wf": Wf, "Wi": Wi, "Wc": Wc, "Wo": Wo}
    return a_next, c_next, (concat, c_prev, c_next, ft, it, cct, ot, parameters)


def _lstm_features_first_backward(da_next: Array, dc_next: Array, cache: Any) -> Any:
    """Return the gradients by name."""
    concat, c_prev, c_next, ft, it, cct, ot, parameters = cache
    n_a = c_prev.shape[0]
    dc = dc_next + da_next * ot * (1 - np.square(np.tanh(c_next)))
    dot = da_next * np.tanh(c_next) * ot * (1 - ot)
    dcct = dc * it * (1 - np.square(cct))
    dit = dc * cct * it * (1 - it)
    dft = dc * c_prev * ft * (1 - ft)
    gradients = {}
    dconcat = np.zeros(concat.shape)
    for gate, d in (("f", dft), ("i", dit), ("c", dcct), ("o", dot)):
        gradients["dW" + gate] = np.dot(d, concat.T)
        gradients["db" + gate] = np.sum(d, axis=1, keepdims=True)
        dconcat += np.dot(parameters["W" + gate].T, d)
    gradients["dxt"] = dconcat[n_a:, :]
    gradients["da_prev"] = dconcat[:n_a, :]
    gradients["dc_prev"] = dc * ft
    return gradients


def _lstm_batch_first_forward(x: Array, h0: Array, c0: Array, Wx: Array, Wh: Array, b: Array) -> Any:
    """Map x (B, T, D), h0, c0 (B, H), Wx (D, 4H), Wh (H, 4H), b (4H,) to hs (B, T, H)."""
    h, c = h0, c0
    hs, steps = [], []
    for t in range(x.shape[1]):
        a = x[:, t] @ Wx + h @ Wh + b
        ai, af, ao, ag = np.array_split(a, 4, axis=-1)
        step = {"x": x[:, t], "h": h, "c": c, "i": _sigmoid(ai), "f": _sigmoid(af), "o": _sigmoid(ao)}
        step["g"] = np.tanh(ag)
        c = step["f"] * c + step["i"] * step["g"]
        step["tanh_c"] = np.tanh(c)
        h = step["o"] * step["tanh_c"]
        hs.append(h)
        steps.append(step)
    return np.stack(hs, axis=1), {"steps": steps, "Wx": Wx, "Wh": Wh}


def _lstm_batch_first_backward(dhs: Array, cache: Any) -> Any:
    """Return the gradients by name."""
    Wx, Wh = cache["Wx"], cache["Wh"]
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(Wh.shape[1])
    dxs = []
    dh, dc = np.zeros_like(dhs[:, 0]), np.zeros_like(dhs[:, 0])
    for t, s in reversed(list(enumerate(cache["steps"]))):
        dh = dh + dhs[:, t]
        dc = dc + dh * s["o"] * (1 - s["tanh_c"] ** 2)
        di = dc * s["g"] * s["i"] * (1 - s["i"])
        df = dc * s["c"] * s["f"] * (1 - s["f"])
        do = dh * s["tanh_c"] * s["o"] * (1 - s["o"])
        dg = dc * s["i"] * (1 - s["g"] ** 2)
        da = np.concatenate([di, df, do, dg], axis=-1)
        dWx += s["x"].T @ da
        dWh += s["h"].T @ da
        db += da.sum(axis=0)
        dxs.append(da @ Wx.T)
        dh = da @ Wh.T
        dc = dc * s["f"]
    return {"dx": np.stack(dxs[::-1], axis=1), "dh0": dh, "dc0": dc, "dWx": dWx, "dWh": dWh, "db": db}


def _lstm_buffers_forward(x: Array, h0: Array, c0: Array, W_ih: Array, W_hh: Array, b: Array) -> Any:
    """Take x (T, B, D), h0, c0 (B, H), W_ih (4H, D), W_hh (4H, H), b (4H,); gates i, f, g, o; buffers."""
    T, B, _ = x.shape
    H = h0.shape[1]
    hs, cs = np.zeros((T + 1, B, H)), np.zeros((T + 1, B, H))
    gates = np.zeros((T, B, 4 * H))
    hs[0], cs[0] = h0, c0
    for t in range(T):
        a = x[t] @ W_ih.T + hs[t] @ W_hh.T + b
        gates[t] = _sigmoid(a)
        gates[t, :, 2 * H : 3 * H] = np.tanh(a[:, 2 * H : 3 * H])
        i, f, g, o = (gates[t, :, k * H : (k + 1) * H] for k in range(4))
        cs[t + 1] = f * cs[t] + i * g
        hs[t + 1] = o * np.tanh(cs[t + 1])
    return hs[1:].copy(), hs[-1].copy(), cs[-1].copy(), (x, hs, cs, gates, W_ih, W_hh)


def _lstm_buffers_backward(d_hs: Array, d_hT: Array, d_cT: Array, cache: Any) -> Any:
    """Return the gradients in the order of the inputs."""
    x, hs, cs, gates, W_ih, W_hh = cache
    T, B, _ = x.shape
    H = hs.shape[2]
    d_a = np.zeros((T, B, 4 * H))
    d_h, d_c = d_hT.copy(), d_cT.copy()
    for t in range(T - 1, -1, -1):
        i, f, g, o = (gates[t, :, k * H : (k + 1) * H] for k in range(4))
        tanh_c = np.tanh(cs[t + 1])
        d_h += d_hs[t]
        d_c += d_h * o * (1 - tanh_c**2)
        d_a[t, :, :H] = d_c * g * i * (1 - i)
        d_a[t, :, H : 2 * H] = d_c * cs[t] * f * (1 - f)
        d_a[t, :, 2 * H : 3 * H] = d_c * i * (1 - g**2)
        d_a[t, :, 3 * H :] = d_h * tanh_c * o * (1 - o)
        d_h = d_a[t] @ W_hh
        d_c *= f
    flat = d_a.reshape(T * B, 4 * H)  # the sums over time and batch in one product
    d_W_ih = flat.T @ x.reshape(T * B, -1)
    d_W_hh = flat.T @ hs[:-1].reshape(T * B, H)
    return d_a @ W_ih, d_h, d_c, d_W_ih, d_W_hh, flat.sum(axis=0)


def _rnn_step_forward(x: Array, prev_h: Array, Wx: Array, Wh: Array, b: Array) -> Any:
    """Take x (B, D), prev_h (B, H), Wx (D, H), Wh (H, H), b (H,)."""
    next_h = np.tanh(x.dot(Wx) + prev_h.dot(Wh) + b)
    return next_h, (x, prev_h, Wx, Wh, next_h)


def _rnn_step_backward(dnext_h: Array, cache: Any) -> Any:
    """Return the gradients in the order of the inputs."""
    x, prev_h, Wx, Wh, next_h = cache
    da = dnext_h * (1 - next_h**2)
    return da.dot(Wx.T), da.dot(Wh.T), x.T.dot(da), prev_h.T.dot(da), da.sum(axis=0)


def _rnn_batch_first_forward(x: Array, h0: Array, Wx: Array, Wh: Array, b: Array) -> Any:
    """Map x (B, T, D), h0 (B, H), Wx (D, H), Wh (H, H), b (H,) to h (B, T, H)."""
    B, T, _ = x.shape
    h = np.empty((B, T, h0.shape[1]), dtype=np.result_type(x, h0, Wx, Wh, b))
    prev = h0
    for t in range(T):
        h[:, t, :] = np.tanh(x[:, t, :] @ Wx + prev @ Wh + b)
        prev = h[:, t, :]
    return h, (x, h0, Wx, Wh, h.copy())


def _rnn_batch_first_backward(dh: Array, cache: Any) -> Any:
    """Return the gradients in the order of the inputs."""
    x, h0, Wx, Wh, h = cache
    T = x.shape[1]
    dx, dWx, dWh, db = np.zeros_like(x), np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(Wh[0])
    dprev = np.zeros_like(h0)
    for t in reversed(range(T)):
        before = h[:, t - 1, :] if t > 0 else h0
        da = (dh[:, t, :] + dprev) * (1 - h[:, t, :] ** 2)
        dx[:, t, :] = da @ Wx.T
        dprev = da @ Wh.T
        dWx += x[:, t, :].T @ da
        dWh += before.T @ da
        db += da.sum(axis=0)
    return dx, dprev, dWx, dWh, db


def _rnn_by_steps_forward(x: Array, h0: Array, Wx: Array, Wh: Array, b: Array) -> Any:
    """Map x (T, B, D), h0 (B, H) to all states (T, B, H) and the last; a list with a cache for each step."""
    h, hs, caches = h0, [], []
    for x_t in x:
        h, cache = _rnn_step_forward(x_t, h, Wx, Wh, b)
        hs.append(h)
        caches.append(cache)
    return np.array(hs), h, caches


def _rnn_by_steps_backward(d_hs: Array, d_h: Array, caches: Any) -> Any:
    """Return the gradients in the order of the inputs."""
    d_xs: list[Array] = []
    d_weights: list[Any] = [0, 0, 0]
    for d_out, cache in zip(d_hs[::-1], caches[::-1], strict=True):
        d_x, d_h, *d_step = _rnn_step_backward(d_out + d_h, cache)
        d_xs.insert(0, d_x)
        d_weights = [total + d for total, d in zip(d_weights, d_step, strict=True)]
    return (np.array(d_xs), d_h, *d_weights)


def _gru_per_gate_forward(
    x: Array,
    h_prev: Array,
    W_xr: Array,
    W_hr: Array,
    b_r: Array,
    W_xz: Array,
    W_hz: Array,
    b_z: Array,
    W_xn: Array,
    W_hn: Array,
    b_n: Array,
) -> Any:
    """Take x (B, D), h_prev (B, H); for each gate and the candidate W_x (D, H), W_h (H, H), b (H,)."""
    r = _sigmoid(x @ W_xr + h_prev @ W_hr + b_r)
    z = _sigmoid(x @ W_xz + h_prev @ W_hz + b_z)
    n = np.tanh(x @ W_xn + (r * h_prev) @ W_hn + b_n)
    h = h_prev + z * (n - h_prev)
    weights = (W_xr, W_hr, W_xz, W_hz, W_xn, W_hn)
    return h, {"x": x, "h_prev": h_prev, "r": r, "z": z, "n": n, "weights": weights}


def _gru_per_gate_backward(d_h: Array, cache: Any) -> Any:
    """Return the gradients by name."""
    x, h_prev, r, z, n = (cache[name] for name in ("x", "h_prev", "r", "z", "n"))
    W_xr, W_hr, W_xz, W_hz, W_xn, W_hn = cache["weights"]
    d_an = d_h * z * (1 - n**2)
    d_rh = d_an @ W_hn.T
    d_ar = d_rh * h_prev * r * (1 - r)
    d_az = d_h * (n - h_prev) * z * (1 - z)
    return {
        "x": d_ar @ W_xr.T + d_az @ W_xz.T + d_an @ W_xn.T,
        "h_prev": d_h * (1 - z) + d_rh * r + d_ar @ W_hr.T + d_az @ W_hz.T,
        "W_xr": x.T @ d_ar,
        "W_hr": h_prev.T @ d_ar,
        "b_r": d_ar.sum(axis=0),
        "W_xz": x.T @ d_az,
        "W_hz": h_prev.T @ d_az,
        "b_z": d_az.sum(axis=0),
        "W_xn": x.T @ d_an,
        "W_hn": (r * h_prev).T @ d_an,
        "b_n": d_an.sum(axis=0),
    }


def _gru_joined_forward(
    xs: Array, h0: Array, Wr: Array, Wz: Array, Wn: Array, br: Array, bz: Array, bn: Array
) -> Any:
    """Map xs (T, B, D), h0 (B, H), each W (H+D, H) on [h, x], each b (H,) to hs (T, B, H)."""
    hs, tape = [h0], []
    for x in xs:
        h = hs[-1]
        hx = np.concatenate((h, x), axis=1)
        r = _sigmoid(hx @ Wr + br)
        z = _sigmoid(hx @ Wz + bz)
        rhx = np.concatenate((r * h, x), axis=1)
        n = np.tanh(rhx @ Wn + bn)
        hs.append((1 - z) * h + z * n)
        tape.append((h, hx, rhx, r, z, n))
    return np.stack(hs[1:]), (tape, Wr, Wz, Wn)


def _gru_joined_backward(d_hs: Array, cache: Any) -> Any:
    """Return the gradients in the order of the inputs."""
    tape, Wr, Wz, Wn = cache
    H = Wr.shape[1]
    dWr, dWz, dWn = np.zeros_like(Wr), np.zeros_like(Wz), np.zeros_like(Wn)
    dbr, dbz, dbn = np.zeros(H), np.zeros(H), np.zeros(H)
    dxs = np.zeros((*d_hs.shape[:2], Wr.shape[0] - H))
    dh = np.zeros_like(d_hs[0])
    for t in range(len(tape))[::-1]:
        h, hx, rhx, r, z, n = tape[t]
        dh = dh + d_hs[t]
        dan = dh * z * (1 - n * n)
        drhx = dan @ Wn.T
        daz = dh * (n - h) * z * (1 - z)
        dar = drhx[:, :H] * h * r * (1 - r)
        dhx = dar @ Wr.T + daz @ Wz.T
        dWr, dWz, dWn = dWr + hx.T @ dar, dWz + hx.T @ daz, dWn + rhx.T @ dan
        dbr, dbz, dbn = dbr + dar.sum(0), dbz + daz.sum(0), dbn + dan.sum(0)
        dxs[t] = dhx[:, H:] + drhx[:, H:]
        dh = dh * (1 - z) + drhx[:, :H] * r + dhx[:, :H]
    return dxs, dh, dWr, dWz, dWn, dbr, dbz, dbn


def _gru_after_wide_forward(x: Array, h_prev: Array, Wx: Array, Wh: Array, b: Array, b_hn: Array) -> Any:
    """Take x (B, D), h_prev (B, H), Wx (D, 3H), Wh (H, 3H), b (3H,), b_hn (H,); gates r, z, n."""
    H = h_prev.shape[1]
    from_x = x @ Wx + b
    from_h = h_prev @ Wh
    rz = _sigmoid(from_x[:, : 2 * H] + from_h[:, : 2 * H])
    r, z = rz[:, :H], rz[:, H:]
    hn = from_h[:, 2 * H :] + b_hn
    n = np.tanh(from_x[:, 2 * H :] + r * hn)
    h = (1 - z) * h_prev + z * n
    return h, (x, h_prev, Wx, Wh, r, z, n, hn)


def _gru_after_wide_backward(dh: Array, cache: Any) -> Any:
    """Return the gradients by name."""
    x, h_prev, Wx, Wh, r, z, n, hn = cache
    dn = dh * z * (1 - n**2)
    dhn = dn * r
    dr = dn * hn * r * (1 - r)
    dz = dh * (n - h_prev) * z * (1 - z)
    dfrom_x = np.hstack([dr, dz, dn])
    dfrom_h = np.hstack([dr, dz, dhn])
    grads = {"dWx": x.T @ dfrom_x, "dWh": h_prev.T @ dfrom_h, "db": dfrom_x.sum(0), "db_hn": dhn.sum(0)}
    return {"dx": dfrom_x @ Wx.T, "dh_prev": dh * (1 - z) + dfrom_h @ Wh.T, **grads}


def _gru_after_rows_forward(x: Array, h0: Array, W_ih: Array, W_hh: Array, b: Array, b_hn: Array) -> Any:
    """Map x (B, T, D), h0 (B, H), W_ih (3H, D), W_hh (3H, H), b (3H,), b_hn (H,) to hs (B, T, H), h."""
    h, hs, tape = h0, [], []
    projected = x @ W_ih.T + b  # all steps at once
    for t in range(x.shape[1]):
        xr, xz, xn = np.split(projected[:, t], 3, axis=1)
        hr, hz, hn = np.split(h @ W_hh.T, 3, axis=1)
        r, z = _sigmoid(xr + hr), _sigmoid(xz + hz)
        hn = hn + b_hn
        n = np.tanh(xn + r * hn)
        tape.append((h, r, z, n, hn))
        h = n * z + h * (1 - z)
        hs.append(h)
    return np.stack(hs, axis=1), h, (x, tape, W_ih, W_hh)


def _gru_after_rows_backward(d_hs: Array, d_h: Array, cache: Any) -> Any:
    """Return the gradients in the order of the inputs."""
    x, tape, W_ih, W_hh = cache
    d_projected = []
    d_W_hh, d_b_hn = np.zeros_like(W_hh), 0.0
    for t in reversed(range(x.shape[1])):
        h, r, z, n, hn = tape[t]
        d_h = d_h + d_hs[:, t]
        d_n = d_h * z * (1 - n**2)
        d_r = d_n * hn * r * (1 - r)
        d_z = d_h * (n - h) * z * (1 - z)
        d_from_h = np.concatenate([d_r, d_z, d_n * r], axis=1)
        d_projected.append(np.concatenate([d_r, d_z, d_n], axis=1))
        d_W_hh += d_from_h.T @ h
        d_b_hn = d_b_hn + np.sum(d_n * r, axis=0)
        d_h = d_h * (1 - z) + d_from_h @ W_hh
    d_all = np.stack(d_projected[::-1], axis=1)  # (B, T, 3H)
    d_W_ih = np.tensordot(d_all, x, axes=([0, 1], [0, 1]))
    return d_all @ W_ih, d_h, d_W_ih, d_W_hh, d_all.sum(axis=(0, 1)), d_b_hn


def _attention_forward(query: Array, keys: Array, W_q: Array, W_k: Array, b: Array, v: Array) -> Any:
    """Map query (B, Q), keys (B, S, K), W_q (Q, A), W_k (K, A), b, v (A,) to (B, K), weights (B, S)."""
    hidden = np.tanh((query @ W_q)[:, None, :] + keys @ W_k + b)
    scores = hidden @ v
    weights = np.exp(scores)
    weights = weights / weights.sum(axis=1, keepdims=True)
    context = np.matmul(weights[:, None, :], keys)[:, 0, :]
    return context, weights, (query, keys, W_q, W_k, v, hidden, weights)


def _attention_backward(d_context: Array, d_weights: Array, cache: Any) -> Any:
    """Return the gradients in the order of the inputs."""
    query, keys, W_q, W_k, v, hidden, weights = cache
    d_weights = d_weights + np.matmul(keys, d_context[:, :, None])[:, :, 0]
    d_scores = weights * (d_weights - np.sum(weights * d_weights, axis=1, keepdims=True))
    d_a = d_scores[:, :, None] * v * (1 - hidden**2)  # (B, S, A)
    d_a_query = d_a.sum(axis=1)
    d_keys = weights[:, :, None] * d_context[:, None, :] + d_a @ W_k.T
    d_W_k = keys.reshape(-1, keys.shape[2]).T @ d_a.reshape(-1, d_a.shape[2])
    d_v = np.tensordot(d_scores, hidden, axes=2)
    return d_a_query @ W_q.T, d_keys, query.T @ d_a_query, d_W_k, d_a_query.sum(axis=0), d_v


def _lstm_single_forward(x: Array, h_prev: Array, c_prev: Array, Wx: Array, Wh: Array, b: Array) -> Any:
    """Take x (B, D), h_prev, c_prev (B, H), Wx (D, 4H), Wh (H, 4H), b (4H,), all computed in float32."""
    x, h_prev, c_prev = x.astype(np.float32), h_prev.astype(np.float32), c_prev.astype(np.float32)
    Wx, Wh, b = Wx.astype(np.float32), Wh.astype(np.float32), b.astype(np.float32)
    B, H = h_prev.shape
    a = (x @ Wx + h_prev @ Wh + b).reshape(B, 4, H)
    gates = np.zeros((B, 4, H), dtype=np.float32)
    gates[:, :3] = _sigmoid(a[:, :3])
    gates[:, 3] = np.tanh(a[:, 3])
    c = gates[:, 1] * c_prev + gates[:, 0] * gates[:, 3]
    h = gates[:, 2] * np.tanh(c)
    return h, c, (x, h_prev, c_prev, Wx, Wh, gates, c.copy())


def _lstm_single_backward(d_h: Array, d_c: Array, cache: Any) -> Any:
    """Return the gradients in the order of the inputs, in float32."""
    x, h_prev, c_prev, Wx, Wh, gates, c = cache
    i, f, o, g = gates.swapaxes(0, 1)
    d_h, tanh_c = d_h.astype(np.float32), np.tanh(c)
    d_c = d_c.astype(np.float32) + d_h * o * (1 - tanh_c**2)
    d_a = np.zeros_like(gates)
    d_a[:, 0] = d_c * g * i * (1 - i)
    d_a[:, 1] = d_c * c_prev * f * (1 - f)
    d_a[:, 2] = d_h * tanh_c * o * (1 - o)
    d_a[:, 3] = d_c * i * (1 - g**2)
    d_a = d_a.reshape(len(x), -1)
    return d_a @ Wx.T, d_a @ Wh.T, d_c * f, x.T @ d_a, h_prev.T @ d_a, d_a.sum(axis=0)


def _cross_entropy_forward(logits: Array, targets: Array, mask: Array) -> Any:
    """Map logits (N, V), targets (N,) integers, mask (N,) to the mean unmasked loss."""
    N = len(targets)
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_probs = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    loss = -np.sum(mask * log_probs[np.arange(N), targets]) / np.sum(mask)
    return loss, (np.exp(log_probs), targets, mask)


def _cross_entropy_backward(d_loss: Array, cache: Any) -> Any:
    """Return the gradient of the logits."""
    probs, targets, mask = cache
    d_logits = probs.copy()
    d_logits[np.arange(len(targets)), targets] -= 1
    d_logits *= mask[:, None] / np.sum(mask)
    return d_loss * d_logits


def _rnn_einsum_forward(x: Array, h_prev: Array, W_xh: Array, W_hh: Array, b: Array) -> Any:
    """Take x (B, D), h_prev (B, H), W_xh (H, D), W_hh (H, H) with the outputs first, b (H,)."""
    h = np.tanh(np.einsum("hd,bd->bh", W_xh, x) + np.einsum("hk,bk->bh", W_hh, h_prev) + b)
    return h, {"x": x, "h_prev": h_prev, "W_xh": W_xh, "W_hh": W_hh, "h": h}


def _rnn_einsum_backward(d_h: Array, cache: Any) -> Any:
    """Return the gradients by name."""
    d_a = np.einsum("bh,bh->bh", d_h, 1 - cache["h"] ** 2)
    return {
        "d_x": np.einsum("bh,hd->bd", d_a, cache["W_xh"]),
        "d_h_prev": np.einsum("bh,hk->bk", d_a, cache["W_hh"]),
        "d_W_xh": np.einsum("bh,bd->hd", d_a, cache["x"]),
        "d_W_hh": np.einsum("bh,bk->hk", d_a, cache["h_prev"]),
        "d_b": np.einsum("bh->h", d_a),
    }


def _lstm_nested_forward(x: Array, h_prev: Array, c_prev: Array, W_x: Array, W_h: Array, b: Array) -> Any:
    """Map x (B, D), h_prev, c_prev (B, H), W_x (4, D, H), W_h (4, H, H), b (4, H) to ((h, c), cache)."""
    a = x @ W_x + h_prev @ W_h + b[:, None, :]  # (4, B, H)
    ifo = 0.5 * (1 + np.tanh(0.5 * a[:3]))  # the sigmoid by way of tanh
    i, f, o = ifo
    g = np.tanh(a[3])
    c = f * c_prev + i * g
    h = o * np.tanh(c)
    return (h, c), (x, h_prev, c_prev, W_x, W_h, ifo, g, c)


def _lstm_nested_backward(d_state: tuple[Array, Array], cache: Any) -> Any:
    """Return the gradients in the order of the inputs, from (d_h, d_c)."""
    d_h, d_c = d_state
    x, h_prev, c_prev, W_x, W_h, ifo, g, c = cache
    i, f, o = ifo
    d_c = d_c + d_h * o / np.cosh(c) ** 2
    d_ifo = np.stack([d_c * g, d_c * c_prev, d_h * np.tanh(c)]) * ifo * (1 - ifo)
    d_a = np.concatenate([d_ifo, (d_c * i * (1 - g**2))[None]])
    d_x = sum(d @ W.T for d, W in zip(d_a, W_x, strict=True))
    d_h_prev = sum(d @ W.T for d, W in zip(d_a, W_h, strict=True))
    return d_x, d_h_prev, d_c * f, x.T @ d_a, h_prev.T @ d_a, d_a.sum(axis=1)


def _embedding_forward(ids: Array, W: Array) -> Any:
    """Map ids (T, B) integers, W (V, E) to (T, B, E)."""
    return W[ids], (ids, W.shape)


def _embedding_backward(d_out: Array, cache: Any) -> Any:
    """Return the gradient of the table; the ids have none."""
    ids, shape = cache
    dW = np.zeros(shape)
    np.add.at(dW, ids, d_out)
    return {"dW": dW}


STYLES: tuple[Style, ...] = (
    Style("LSTM step, one matrix for [h, x]", "lstm_step", _lstm_joined_forward, _lstm_joined_backward),
    Style("LSTM step, wide matrices for x and h", "lstm_step", _lstm_wide_forward, _lstm_wide_backward),
    Style("LSTM step, matrices per gate", "lstm_step", _lstm_per_gate_forward, _lstm_per_gate_backward),
    Style(
        "LSTM step, features first",
        "lstm_step",
        _lstm_features_first_forward,
        _lstm_features_first_backward,
    ),
    Style(
        "LSTM sequence, batch first, all states only",
        "lstm_sequence",
        _lstm_batch_first_forward,
        _lstm_batch_first_backward,
    ),
    Style(
        "LSTM sequence, into buffers of zeros, transposed weights, gates i, f, g, o",
        "lstm_sequence",
        _lstm_buffers_forward,
        _lstm_buffers_backward,
    ),
    Style("LSTM step, in float32", "lstm_step", _lstm_single_forward, _lstm_single_backward),
    Style(
        "LSTM step, state as a nested tuple, gates along the first axis",
        "lstm_step",
        _lstm_nested_forward,
        _lstm_nested_backward,
    ),
    Style("RNN step", "rnn_step", _rnn_step_forward, _rnn_step_backward),
    Style("RNN step, with einsum", "rnn_step", _rnn_einsum_forward, _rnn_einsum_backward),
    Style("RNN sequence, batch first", "rnn_sequence", _rnn_batch_first_forward, _rnn_batch_first_backward),
    Style("RNN sequence, by its own steps", "rnn_sequence", _rnn_by_steps_forward, _rnn_by_steps_backward),
    Style("GRU step, matrices per gate", "gru_step", _gru_per_gate_forward, _gru_per_gate_backward),
    Style("GRU sequence, matrices for [h, x]", "gru_sequence", _gru_joined_forward, _gru_joined_backward),
    Style(
        "reset-after GRU step, wide matrices",
        "gru_after_step",
        _gru_after_wide_forward,
        _gru_after_wide_backward,
    ),
    Style(
        "reset-after GRU sequence, batch first, transposed weights",
        "gru_after_sequence",
        _gru_after_rows_forward,
        _gru_after_rows_backward,
    ),
    Style("attention, batch first", "attention", _attention_forward, _attention_backward),
    Style("cross-entropy, flat", "cross_entropy", _cross_entropy_forward, _cross_entropy_backward),
    Style("embedding, with np.add.at", "embedding", _embedding_forward, _embedding_backward),
)
