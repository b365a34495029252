import numpy as np


def softmax(a, axis):
    e = np.exp(a)
    return e / e.sum(axis=axis, keepdims=True)


class DotAttention:
    """keys (B, S, H), query (B, H)"""

    def __init__(self, verbose=False):
        self.verbose = verbose
        self.cache = None

    def forward(self, keys, query):
        scores = np.einsum('bsh,bh->bs', keys, query)
        alpha = softmax(scores, axis=1)
        context = np.einsum('bs,bsh->bh', alpha, keys)
        self.cache = keys, query, alpha
        if self.verbose:
            print('alpha', alpha)
        return context

    def backward(self, dcontext):
        keys, query, alpha = self.cache
        dalpha = np.einsum('bh,bsh->bs', dcontext, keys)
        dscores = dalpha * alpha * (1 - alpha)
        dkeys = alpha[:, :, None] * dcontext[:, None, :] + dscores[:, :, None] * query[:, None, :]
        dquery = np.einsum('bs,bsh->bh', dscores, keys)
        return dkeys, dquery
