import numpy as np
from rnn_utils import sigmoid, softmax


def lstm_cell_forward(xt, a_prev, c_prev, parameters):
    """
    xt -- (n_x, m);  a_prev, c_prev -- (n_a, m);  parameters -- Wf, bf, Wi, bi, Wc, bc, Wo, bo, Wy, by
    every W of a gate is (n_a, n_a + n_x) and acts on [a_prev, xt]
    """
    Wf, bf = parameters["Wf"], parameters["bf"]
    Wi, bi = parameters["Wi"], parameters["bi"]
    Wc, bc = parameters["Wc"], parameters["bc"]
    Wo, bo = parameters["Wo"], parameters["bo"]
    Wy, by = parameters["Wy"], parameters["by"]

    joined = np.concatenate((a_prev, xt), axis=0)
    ft = sigmoid(Wf.dot(joined) + bf)
    it = sigmoid(Wi.dot(joined) + bi)
    cct = np.tanh(Wc.dot(joined) + bc)
    c_next = ft * c_prev + it * cct
    ot = sigmoid(Wo.dot(joined) + bo)
    a_next = ot * np.tanh(c_next)
    yt_pred = softmax(Wy.dot(a_next) + by)
    cache = (xt, a_prev, c_prev, a_next, c_next, ft, it, ot, cct, parameters)
    return a_next, c_next, yt_pred, cache


def lstm_forward(x, a0, parameters):
    caches = []
    n_x, m, T_x = x.shape
    n_y, n_a = parameters["Wy"].shape
    a = np.zeros((n_a, m, T_x))
    c = np.zeros_like(a)
    y = np.zeros((n_y, m, T_x))
    a_next = a0
    c_next = np.zeros(a_next.shape)
    for t in range(T_x):
        a_next, c_next, yt, cache = lstm_cell_forward(x[:, :, t], a_next, c_next, parameters)
        a[:, :, t] = a_next
        y[:, :, t] = yt
        c[:, :, t] = c_next
        caches.append(cache)
    return a, y, c, (caches, x)


def lstm_cell_backward(da_next, dc_next, cache):
    (xt, a_prev, c_prev, a_next, c_next, ft, it, ot, cct, parameters) = cache
    n_a, m = a_next.shape

    dot = da_next * np.tanh(c_next) * ot * (1 - ot)
    dc = dc_next + da_next * ot * (1 - np.tanh(c_next) ** 2)
    dcct = dc * it * (1 - cct ** 2)
    dit = dc * cct * it * (1 - it)
    dft = dc * c_prev * ft * (1 - ft)

    joined = np.concatenate((a_prev, xt), axis=0)
    dWf = dft.dot(joined.T)
    dWi = dit.dot(joined.T)
    dWc = dcct.dot(joined.T)
    dWo = dot.dot(joined.T)
    dbf = dft.sum(axis=1, keepdims=True)
    dbi = dit.sum(axis=1, keepdims=True)
    dbc = dcct.sum(axis=1, keepdims=True)
    dbo = dot.sum(axis=1, keepdims=True)

    dconcat = (parameters["Wf"].T.dot(dft) + parameters["Wi"].T.dot(dit)
               + parameters["Wc"].T.dot(dcct) + parameters["Wo"].T.dot(dot))
    da_prev = dconcat[:n_a, :]
    dxt = dconcat[n_a:, :]
    dc_prev = dc * ft
    return {"dxt": dxt, "da_prev": da_prev, "dc_prev": dc_prev, "dWf": dWf, "dbf": dbf, "dWi": dWi,
            "dbi": dbi, "dWc": dWc, "dbc": dbc, "dWo": dWo, "dbo": dbo}


def lstm_backward(da, caches):
    (caches, x) = caches
    n_a, m, T_x = da.shape
    n_x = x.shape[0]
    dx = np.zeros((n_x, m, T_x))
    total = {}
    da_prevt = np.zeros((n_a, m))
    dc_prevt = np.zeros((n_a, m))
    for t in reversed(range(T_x)):
        gradients = lstm_cell_backward(da[:, :, t] + da_prevt, dc_prevt, caches[t])
        da_prevt = gradients.pop("da_prev")
        dc_prevt = gradients.pop("dc_prev")
        dx[:, :, t] = gradients.pop("dxt")
        for key in gradients:
            total[key] = total.get(key, 0) + gradients[key]
    total["dx"] = dx
    total["da0"] = da_prevt
    return total
