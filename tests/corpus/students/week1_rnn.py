import numpy as np


def rnn_cell_forward(xt, a_prev, parameters):
    a_next = np.tanh(parameters["Wax"].dot(xt) + parameters["Waa"].dot(a_prev) + parameters["ba"])
    return a_next, (a_next, a_prev, xt, parameters)


def rnn_cell_backward(da_next, cache):
    (a_next, a_prev, xt, parameters) = cache
    dz = (1 - a_next ** 2) * da_next
    return {"dxt": parameters["Wax"].T.dot(dz), "dWax": dz.dot(xt.T), "da_prev": parameters["Waa"].T.dot(dz),
            "dWaa": dz.dot(a_prev.T), "dba": dz.sum(axis=1, keepdims=True)}


def rnn_forward(x, a0, parameters):
    caches = []
    a = np.zeros((a0.shape[0], x.shape[1], x.shape[2]))
    a_next = a0
    for t in range(x.shape[2]):
        a_next, cache = rnn_cell_forward(x[:, :, t], a_next, parameters)
        a[:, :, t] = a_next
        caches.append(cache)
    return a, caches


def rnn_backward(da, caches):
    n_a, m, T_x = da.shape
    n_x = caches[0][2].shape[0]
    dx = np.zeros((n_x, m, T_x))
    da_prevt = np.zeros((n_a, m))
    for t in reversed(range(T_x)):
        gradients = rnn_cell_backward(da[:, :, t] + da_prevt, caches[t])
        da_prevt = gradients["da_prev"]
        dx[:, :, t] = gradients["dxt"]
        dWax = gradients["dWax"]
        dWaa = gradients["dWaa"]
        dba = gradients["dba"]
    return {"dx": dx, "da0": da_prevt, "dWax": dWax, "dWaa": dWaa, "dba": dba}
