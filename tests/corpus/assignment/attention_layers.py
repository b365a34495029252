import numpy as np


def dot_attention_forward(prev_h, A):
    """
    Attention over a grid of image features.
    prev_h: (N, H) hidden state; A: (N, H, 4, 4) projected activations
    Returns attn (N, H), the weighted sum of the features, and a cache
    """
    N, H, D_a, _ = A.shape
    flat = A.reshape(N, H, -1)
    scores = np.einsum('nh,nhk->nk', prev_h, flat) / np.sqrt(H)
    scores = scores - scores.max(axis=1, keepdims=True)
    weights = np.exp(scores)
    weights /= weights.sum(axis=1, keepdims=True)
    attn = np.einsum('nhk,nk->nh', flat, weights)
    cache = (prev_h, A, weights)
    return attn, cache


def dot_attention_backward(dattn, cache):
    prev_h, A, weights = cache
    N, H = prev_h.shape
    flat = A.reshape(N, H, -1)
    dweights = np.einsum('nh,nhk->nk', dattn, flat)
    dflat = dattn[:, :, None] * weights[:, None, :]
    dscores = weights * (dweights - np.sum(dweights * weights, axis=1, keepdims=True))
    dscores /= np.sqrt(H)
    dprev_h = np.einsum('nk,nhk->nh', dscores, flat)
    dflat += prev_h[:, :, None] * dscores[:, None, :]
    return dprev_h, dflat.reshape(A.shape)
