"""Pieces of a transformer, (B, T, C): every function and its gradient by hand."""
import numpy as np


def layernorm_forward(inp, weight, bias, eps=1e-5):
    mean = inp.mean(-1, keepdims=True)
    rstd = (inp.var(-1, keepdims=True) + eps) ** -0.5
    norm = (inp - mean) * rstd
    return norm * weight + bias, (norm, weight, rstd)


def layernorm_backward(dout, cache):
    norm, weight, rstd = cache
    dnorm = dout * weight
    dinp = dnorm - dnorm.mean(-1, keepdims=True) - norm * (dnorm * norm).mean(-1, keepdims=True)
    return dinp * rstd, (dout * norm).sum((0, 1)), dout.sum((0, 1))


def encoder_forward(tokens, wte, wpe):
    out = wte[tokens] + wpe[:tokens.shape[1]]
    return out, (tokens, wte, wpe)


def encoder_backward(dout, cache):
    tokens, wte, wpe = cache
    dwte, dwpe = np.zeros_like(wte), np.zeros_like(wpe)
    np.add.at(dwte, tokens, dout)
    dwpe[:tokens.shape[1]] = dout.sum(0)
    return dwte, dwpe


def attention_forward(inp, w_qkv, w_proj, heads=2):
    """causal multi-head self-attention"""
    B, T, C = inp.shape
    q, k, v = np.split(inp @ w_qkv, 3, axis=-1)
    q, k, v = (m.reshape(B, T, heads, C // heads).transpose(0, 2, 1, 3) for m in (q, k, v))
    att = q @ k.transpose(0, 1, 3, 2) / np.sqrt(C // heads)
    att = np.where(np.tril(np.ones((T, T), dtype=bool)), att, -np.inf)
    att = np.exp(att - att.max(-1, keepdims=True))
    att = att / att.sum(-1, keepdims=True)
    y = (att @ v).transpose(0, 2, 1, 3).reshape(B, T, C)
    return y @ w_proj, (inp, w_qkv, w_proj, q, k, v, att, y)


def attention_backward(dout, cache):
    inp, w_qkv, w_proj, q, k, v, att, y = cache
    B, T, C = inp.shape
    heads, hs = q.shape[1], q.shape[3]
    dw_proj = np.einsum('btc,btd->cd', y, dout)
    dy = (dout @ w_proj.T).reshape(B, T, heads, hs).transpose(0, 2, 1, 3)
    dv = att.transpose(0, 1, 3, 2) @ dy
    datt = dy @ v.transpose(0, 1, 3, 2)
    dpre = att * (datt - (datt * att).sum(-1, keepdims=True)) / np.sqrt(hs)
    dq = dpre @ k
    dk = dpre.transpose(0, 1, 3, 2) @ q
    dqkv = np.concatenate([m.transpose(0, 2, 1, 3).reshape(B, T, C) for m in (dq, dk, dv)], axis=-1)
    return dqkv @ w_qkv.T, np.einsum('btc,btd->cd', inp, dqkv), dw_proj
