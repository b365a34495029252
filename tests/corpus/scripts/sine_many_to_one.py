import numpy as np
import matplotlib.pyplot as plt

# predict the next value of a noisy sine from the last ones
T, D, H = 8, 1, 10
rng = np.random.RandomState(0)
series = np.sin(np.linspace(0, 40, 400)) + 0.05 * rng.randn(400)
X = np.array([series[k:k + T] for k in range(len(series) - T)])
Y = series[T:]

Wx, Wh = rng.randn(H, D) * 0.3, rng.randn(H, H) * 0.1
Wy = rng.randn(1, H) * 0.3
b, by = np.zeros((H, 1)), np.zeros((1, 1))


def forward(xs):
    hs = [np.zeros((Wh.shape[0], 1))]
    for x in xs:
        hs.append(np.tanh(Wx @ x.reshape(-1, 1) + Wh @ hs[-1] + b))
    y = Wy @ hs[-1] + by
    return y, (xs, hs)


def backward(dy, cache):
    """gradients of Wx, Wh, b, Wy and by"""
    xs, hs = cache
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dWy = dy @ hs[-1].T
    dby = dy.copy()
    dh = Wy.T @ dy
    for t in range(len(xs) - 1, -1, -1):
        da = dh * (1 - hs[t + 1] ** 2)
        dWx += da @ xs[t].reshape(1, -1)
        dWh += da @ hs[t].T
        db += da
        dh = Wh.T @ da
    return dWx, dWh, db, dWy, dby


losses = []
for epoch in range(40):
    total = 0
    for x, target in zip(X, Y):
        y, cache = forward(x)
        total += float((0.5 * (y - target) ** 2).item())
        grads = backward(y - target, cache)
        for p, g in zip((Wx, Wh, b, Wy, by), grads):
            p -= 0.01 * g
    losses.append(total / len(X))
    print(f'epoch {epoch}: {losses[-1]:.5f}')

plt.plot(losses)
plt.show()
