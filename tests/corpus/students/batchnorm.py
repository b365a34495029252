import numpy as np


def batchnorm_forward(x, gamma, beta, bn_param):
    eps = bn_param.get('eps', 1e-5)
    mean = np.mean(x, axis=0)
    var = np.mean((x - mean) ** 2, axis=0)
    xhat = (x - mean) / np.sqrt(var + eps)
    out = gamma * xhat + beta
    cache = (x, mean, var, xhat, gamma, eps)
    return out, cache


def batchnorm_backward(dout, cache):
    x, mean, var, xhat, gamma, eps = cache
    N = x.shape[0]
    dgamma = np.sum(dout * xhat, axis=0)
    dbeta = np.sum(dout, axis=0)
    dxhat = dout * gamma
    dvar = np.sum(dxhat * (x - mean) * -0.5 * (var + eps) ** -1.5, axis=0)
    dx = dxhat / np.sqrt(var + eps) + dvar * 2 * (x - mean) / N
    return dx, dgamma, dbeta
