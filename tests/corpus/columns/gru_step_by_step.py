import numpy as np

sigmoid = lambda z: 1. / (1. + np.exp(-z))


def gru_cell_forward(xt, c_prev, parameters):
    """Full GRU: relevance gate r, update gate u; everything acts on [c_prev, xt], (n_c + n_x, m)"""
    concat = np.vstack((c_prev, xt))
    gamma_r = sigmoid(parameters['Wr'] @ concat + parameters['br'])
    gamma_u = sigmoid(parameters['Wu'] @ concat + parameters['bu'])
    concat_r = np.vstack((gamma_r * c_prev, xt))
    c_tilde = np.tanh(parameters['Wc'] @ concat_r + parameters['bc'])
    c_next = gamma_u * c_tilde + (1 - gamma_u) * c_prev
    cache = (concat, concat_r, gamma_r, gamma_u, c_tilde, c_prev, parameters)
    return c_next, cache


def gru_cell_backward(dc_next, cache):
    concat, concat_r, gamma_r, gamma_u, c_tilde, c_prev, parameters = cache
    n_c = c_prev.shape[0]
    grads = {}
    dct = dc_next * gamma_u * (1 - c_tilde ** 2)
    dut = dc_next * (c_tilde - c_prev) * gamma_u * (1 - gamma_u)
    dconcat_r = parameters['Wc'].T @ dct
    drt = dconcat_r[:n_c] * c_prev * gamma_r * (1 - gamma_r)
    dconcat = parameters['Wr'].T @ drt + parameters['Wu'].T @ dut
    grads['dWc'] = dct @ concat_r.T
    grads['dWu'] = dut @ concat.T
    grads['dWr'] = drt @ concat.T
    grads['dbc'] = np.sum(dct, axis=1, keepdims=True)
    grads['dbu'] = np.sum(dut, axis=1, keepdims=True)
    grads['dbr'] = np.sum(drt, axis=1, keepdims=True)
    grads['dc_prev'] = dc_next * (1 - gamma_u) + dconcat_r[:n_c] * gamma_r + dconcat[:n_c]
    grads['dxt'] = dconcat_r[n_c:] + dconcat[n_c:]
    return grads
