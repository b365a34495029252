#!/usr/bin/env python3
"""usage: train_language_model.py --data corpus.txt [--hidden 64]"""
import argparse
import logging
import os

import numpy as np
import wandb
from tqdm import tqdm

logger = logging.getLogger(__name__)
DATA_DIR = os.environ.get('DATA_DIR', './data')


def init_params(vocab, hidden, rng):
    return {
        'E': rng.normal(0, 0.1, (vocab, hidden)),
        'U': rng.normal(0, 0.1, (hidden, hidden)),
        'W': rng.normal(0, 0.1, (hidden, hidden)),
        'b': np.zeros(hidden),
        'V': rng.normal(0, 0.1, (hidden, vocab)),
        'c': np.zeros(vocab),
    }


def step(params, ids, targets, h0):
    """loss, gradients and last state of a batch: ids and targets (batch, time)"""
    batch, time = ids.shape
    hs, probs = [h0], []
    loss = 0.0
    rows = np.arange(batch)
    for t in range(time):
        h = np.tanh(params['E'][ids[:, t]] @ params['U'] + hs[-1] @ params['W'] + params['b'])
        logits = h @ params['V'] + params['c']
        logits -= logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        p /= p.sum(axis=1, keepdims=True)
        loss -= np.log(p[rows, targets[:, t]]).sum()
        hs.append(h)
        probs.append(p)
    n = batch * time

    grads = {name: np.zeros_like(value) for name, value in params.items()}
    dh_next = np.zeros_like(h0)
    for t in range(time - 1, -1, -1):
        dlogits = probs[t].copy()
        dlogits[rows, targets[:, t]] -= 1
        dlogits /= n
        grads['V'] += hs[t + 1].T @ dlogits
        grads['c'] += dlogits.sum(axis=0)
        dh = dlogits @ params['V'].T + dh_next
        da = dh * (1 - hs[t + 1] ** 2)
        e = params['E'][ids[:, t]]
        grads['U'] += e.T @ da
        grads['W'] += hs[t].T @ da
        grads['b'] += da.sum(axis=0)
        np.add.at(grads['E'], ids[:, t], da @ params['U'].T)
        dh_next = da @ params['W'].T
    return loss / n, grads, hs[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--data', required=True)
    parser.add_argument('--hidden', type=int, default=64)
    parser.add_argument('--epochs', type=int, default=10)
    args = parser.parse_args()
    wandb.init(project='char-rnn')
    text = open(os.path.join(DATA_DIR, args.data)).read()
    vocab = sorted(set(text))
    ids = np.array([vocab.index(ch) for ch in text])
    params = init_params(len(vocab), args.hidden, np.random.default_rng(0))
    h = np.zeros((1, args.hidden))
    for epoch in range(args.epochs):
        for k in tqdm(range(0, len(ids) - 26, 25)):
            loss, grads, h = step(params, ids[None, k:k + 25], ids[None, k + 1:k + 26], h)
            for name in params:
                params[name] -= 0.1 * grads[name]
        wandb.log({'loss': loss})


if __name__ == '__main__':
    main()
