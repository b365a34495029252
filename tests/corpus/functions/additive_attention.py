import numpy as np


def softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attend(query, keys, W_q, W_k, v):
    """
    query (B, Q), keys (B, S, K) -> context (B, K), weights (B, S), tape
    score = v . tanh(query W_q + key W_k)
    """
    hidden = np.tanh((query @ W_q)[:, None, :] + keys @ W_k)
    weights = softmax(hidden @ v)
    context = (weights[..., None] * keys).sum(axis=1)
    return context, weights, (query, keys, W_q, W_k, v, hidden, weights)


def attend_grad(d_context, d_weights, tape):
    query, keys, W_q, W_k, v, hidden, weights = tape
    d_weights = d_weights + np.einsum('bk,bsk->bs', d_context, keys)
    d_score = weights * (d_weights - (weights * d_weights).sum(-1, keepdims=True))
    d_hidden = d_score[..., None] * v * (1 - hidden ** 2)
    d_sum = d_hidden.sum(axis=1)
    d_query = d_sum @ W_q.T
    d_keys = weights[..., None] * d_context[:, None, :] + d_hidden @ W_k.T
    d_W_q = query.T @ d_sum
    d_W_k = np.einsum('bsk,bsa->ka', keys, d_hidden)
    d_v = np.einsum('bs,bsa->a', d_score, hidden)
    return d_query, d_keys, d_W_q, d_W_k, d_v
