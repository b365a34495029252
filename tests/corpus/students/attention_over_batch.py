import numpy as np


def attention_forward(query, keys, values):
    """query (B, D), keys and values (B, S, D)"""
    scores = np.einsum('bd,bsd->bs', query, keys)
    e = np.exp(scores - scores.max())
    alpha = e / e.sum(axis=0, keepdims=True)
    return np.einsum('bs,bsd->bd', alpha, values), (query, keys, values, alpha)


def attention_backward(dout, cache):
    query, keys, values, alpha = cache
    dvalues = alpha[:, :, None] * dout[:, None, :]
    dalpha = np.einsum('bd,bsd->bs', dout, values)
    dscores = alpha * (dalpha - np.sum(dalpha * alpha, axis=1, keepdims=True))
    dquery = np.einsum('bs,bsd->bd', dscores, keys)
    dkeys = dscores[:, :, None] * query[:, None, :]
    return dquery, dkeys, dvalues
