import numpy as np
from rnn_utils import *


def lstm_cell_forward(xt, a_prev, c_prev, parameters):
    p = parameters
    both = np.concatenate((a_prev, xt))
    ft = sigmoid(np.dot(p["Wf"], both) + p["bf"])
    it = sigmoid(np.dot(p["Wi"], both) + p["bi"])
    cct = np.tanh(np.dot(p["Wc"], both) + p["bc"])
    c_next = it * cct + ft * c_prev
    ot = sigmoid(np.dot(p["Wo"], both) + p["bo"])
    a_next = np.tanh(c_next) * ot
    yt_pred = softmax(np.dot(p["Wy"], a_next) + p["by"])
    return a_next, c_next, yt_pred, (c_next, a_prev, c_prev, ft, it, ot, cct, xt, parameters)


def lstm_forward(x, a0, parameters):
    caches = []
    n_x, m, T_x = x.shape
    n_y, n_a = parameters["Wy"].shape
    a = np.zeros((n_a, m, T_x))
    c = np.zeros((n_a, m, T_x))
    y = np.zeros((n_y, m, T_x))
    a_next, c_next = a0, np.zeros((n_a, m))
    for t in range(T_x):
        a_next, c_next, yt, cache = lstm_cell_forward(x[:, :, t], a_next, c_next, parameters)
        a[:, :, t], c[:, :, t], y[:, :, t] = a_next, c_next, yt
        caches.append(cache)
    return a, y, c, (caches, x)


def lstm_cell_backward(da_next, dc_next, cache):
    c_next, a_prev, c_prev, ft, it, ot, cct, xt, parameters = cache
    n_a, m = a_prev.shape
    dtanh = ot * (1 - np.square(np.tanh(c_next))) * da_next
    dot = da_next * np.tanh(c_next) * ot * (1 - ot)
    dcct = (dc_next + dtanh) * it * (1 - np.square(cct))
    dit = (dc_next + dtanh) * cct * it * (1 - it)
    dft = (dc_next + dtanh) * c_prev * ft * (1 - ft)
    both = np.concatenate((a_prev, xt), axis=0)
    grads = {}
    for name, d in (("f", dft), ("i", dit), ("c", dcct), ("o", dot)):
        grads["dW" + name] = np.dot(d, both.T)
        grads["db" + name] = np.sum(d, axis=1, keepdims=True)
    W = parameters
    grads["da_prev"] = (np.dot(W["Wf"][:, :n_a].T, dft) + np.dot(W["Wi"][:, :n_a].T, dit)
                        + np.dot(W["Wc"][:, :n_a].T, dcct) + np.dot(W["Wo"][:, :n_a].T, dot))
    grads["dxt"] = (np.dot(W["Wf"][:, n_a:].T, dft) + np.dot(W["Wi"][:, n_a:].T, dit)
                    + np.dot(W["Wc"][:, n_a:].T, dcct) + np.dot(W["Wo"][:, n_a:].T, dot))
    grads["dc_prev"] = (dc_next + dtanh) * ft
    return grads


def lstm_backward(da, caches):
    (caches, x) = caches
    n_a, m, T_x = da.shape
    n_x, m = x[:, :, 0].shape
    dx = np.zeros((n_x, m, T_x))
    da0 = np.zeros((n_a, m))
    da_prevt = np.zeros((n_a, m))
    dc_prevt = np.zeros((n_a, m))
    dWf = np.zeros((n_a, n_a + n_x)); dWi = np.zeros((n_a, n_a + n_x))
    dWc = np.zeros((n_a, n_a + n_x)); dWo = np.zeros((n_a, n_a + n_x))
    dbf = np.zeros((n_a, 1)); dbi = np.zeros((n_a, 1)); dbc = np.zeros((n_a, 1)); dbo = np.zeros((n_a, 1))
    for t in reversed(range(T_x)):
        gradients = lstm_cell_backward(da[:, :, t], dc_prevt, caches[t])
        dx[:, :, t] = gradients["dxt"]
        dWf += gradients["dWf"]; dWi += gradients["dWi"]
        dWc += gradients["dWc"]; dWo += gradients["dWo"]
        dbf += gradients["dbf"]; dbi += gradients["dbi"]
        dbc += gradients["dbc"]; dbo += gradients["dbo"]
    da0 = gradients["da_prev"]
    return {"dx": dx, "da0": da0, "dWf": dWf, "dbf": dbf, "dWi": dWi, "dbi": dbi, "dWc": dWc,
            "dbc": dbc, "dWo": dWo, "dbo": dbo}
