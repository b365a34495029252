import numpy as np

vocab_size, hidden_size = 7, 5
rng = np.random.RandomState(0)
Wxh = rng.randn(hidden_size, vocab_size) * 0.3
Whh = rng.randn(hidden_size, hidden_size) * 0.3
Why = rng.randn(vocab_size, hidden_size) * 0.3
bh, by = np.zeros((hidden_size, 1)), np.zeros((vocab_size, 1))


def lossFun(inputs, targets, hprev):
    xs, hs, ps = [], [], []
    loss = 0
    h = hprev
    for t in range(len(inputs)):
        x = np.zeros((vocab_size, 1))
        x[inputs[t]] = 1
        h = np.tanh(Wxh @ x + Whh @ h + bh)
        y = Why @ h + by
        p = np.exp(y) / np.sum(np.exp(y))
        loss -= np.log(p[targets[t], 0])
        xs.append(x)
        hs.append(h)
        ps.append(p)
    dWxh, dWhh, dWhy, dbh, dby = [np.zeros(p.shape) for p in (Wxh, Whh, Why, bh, by)]
    dhnext = np.zeros_like(hprev)
    for t in reversed(range(len(inputs))):
        dy = ps[t].copy()
        dy[targets[t]] -= 1
        dWhy += dy @ hs[t].T
        dby += dy
        draw = (Why.T @ dy + dhnext) * (1 - hs[t] ** 2)
        dbh += draw
        dWxh += draw @ xs[t].T
        dWhh += draw @ hs[t - 1].T
        dhnext = Whh.T @ draw
    return loss, dWxh, dWhh, dWhy, dbh, dby, hs[-1]


text = [0, 1, 2, 3, 4, 5, 6] * 30
h = np.zeros((hidden_size, 1))
for n in range(0, 200, 7):
    loss, dWxh, dWhh, dWhy, dbh, dby, h = lossFun(text[n:n + 7], text[n + 1:n + 8], h)
    for p, d in zip([Wxh, Whh, Why, bh, by], [dWxh, dWhh, dWhy, dbh, dby]):
        p -= 0.1 * np.clip(d, -5, 5)
    if n % 70 == 0:
        print(n, loss)
