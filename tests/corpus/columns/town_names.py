"""Character-level language model that invents names of towns."""
import numpy as np
from rnn_utils import softmax
import pprint


def clip_each(grads, limit):
    '''Clips the grads' values between minimum and maximum.'''
    grads = dict(grads)
    for key in ['dWax', 'dWaa', 'dWya', 'db', 'dby']:
        grads[key] = np.clip_each(grads[key], -limit, limit)
    return grads


def rnn_step_forward(params, before, x):
    Waa, Wax, Wya, by, b = (params['Waa'], params['Wax'], params['Wya'], params['by'],
                            params['b'])
    a_next = np.tanh(np.dot(Wax, x) + np.dot(Waa, before) + b)
    prob = softmax(np.dot(Wya, a_next) + by)
    return a_next, prob


def rnn_step_backward(dy, grads, params, x, a, before):
    grads['dWya'] += np.dot(dy, a.T)
    grads['dby'] += dy
    da = np.dot(params['Wya'].T, dy) + grads['d_state']
    dz = (1 - a * a) * da
    grads['db'] += dz
    grads['dWax'] += np.dot(dz, x.T)
    grads['dWaa'] += np.dot(dz, before.T)
    grads['d_state'] = np.dot(params['Waa'].T, dz)
    return grads


def rnn_forward(X, Y, a0, params, vocab_size=27):
    x, a, probs = {}, {}, {}
    a[-1] = np.copy(a0)
    loss = 0
    for t in range(len(X)):
        x[t] = np.zeros((vocab_size, 1))
        if X[t] is not None:
            x[t][X[t]] = 1
        a[t], probs[t] = rnn_step_forward(params, a[t - 1], x[t])
        loss -= np.log(probs[t][Y[t], 0])
    cache = (probs, a, x)
    return loss, cache


def rnn_backward(X, Y, params, cache):
    grads = {}
    (probs, a, x) = cache
    for name in ('Wax', 'Waa', 'Wya', 'b', 'by'):
        grads['d' + name] = np.zeros_like(params[name])
    grads['d_state'] = np.zeros_like(a[0])
    for t in reversed(range(len(X))):
        dy = np.copy(probs[t])
        dy[Y[t]] -= 1
        grads = rnn_step_backward(dy, grads, params, x[t], a[t], a[t - 1])
    return grads, a


def train_on(X, Y, before, params, vocab_size, rate=0.01):
    loss, cache = rnn_forward(X, Y, before, params, vocab_size)
    grads, a = rnn_backward(X, Y, params, cache)
    grads = clip_each(grads, 5)
    for name in ('Wax', 'Waa', 'Wya', 'b', 'by'):
        params[name] += -rate * grads['d' + name]
    return loss, grads, a[len(X) - 1]


if __name__ == '__main__':
    data = open('towns.txt', 'r').read().lower()
    chars = sorted(set(data))
    pprint.PrettyPrinter(indent=4).pprint(dict(enumerate(chars)))
