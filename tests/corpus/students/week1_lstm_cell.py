import numpy as np
from rnn_utils import sigmoid


def lstm_cell_forward(xt, a_prev, c_prev, parameters):
    concat = np.vstack([a_prev, xt])
    ft, it, ot = (sigmoid(parameters["W" + k] @ concat + parameters["b" + k]) for k in "fio")
    cct = np.tanh(parameters["Wc"] @ concat + parameters["bc"])
    c_next = ft * c_prev + it * cct
    a_next = ot * np.tanh(c_next)
    return a_next, c_next, (c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters)


def lstm_cell_backward(da_next, dc_next, cache):
    (c_next, a_prev, c_prev, ft, it, cct, ot, xt, parameters) = cache
    n_a = a_prev.shape[0]
    concat = np.vstack([a_prev, xt])
    dc = dc_next + ot * (1 - np.tanh(c_next) ** 2) * da_next
    dot = da_next * np.tanh(c_next)
    dft = dc * c_prev
    dit = dc * cct
    dcct = dc * it
    gradients = {}
    gradients["dWf"] = (dft * ft * (1 - ft)) @ concat.T
    gradients["dWi"] = (dit * it * (1 - it)) @ concat.T
    gradients["dWc"] = (dcct * (1 - cct ** 2)) @ concat.T
    gradients["dWo"] = (dot * ot * (1 - ot)) @ concat.T
    gradients["dbf"] = np.sum(dft * ft * (1 - ft), axis=1, keepdims=True)
    gradients["dbi"] = np.sum(dit * it * (1 - it), axis=1, keepdims=True)
    gradients["dbc"] = np.sum(dcct * (1 - cct ** 2), axis=1, keepdims=True)
    gradients["dbo"] = np.sum(dot * ot * (1 - ot), axis=1, keepdims=True)
    dconcat = (parameters["Wf"].T @ dft + parameters["Wi"].T @ dit
               + parameters["Wc"].T @ dcct + parameters["Wo"].T @ dot)
    gradients["da_prev"] = dconcat[:n_a]
    gradients["dxt"] = dconcat[n_a:]
    gradients["dc_prev"] = dc * ft
    return gradients
