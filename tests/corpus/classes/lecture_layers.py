import numpy as np


class Sigmoid:
    def __init__(self):
        pass

    def forward(self, x):
        """:return outputs, cache"""
        outputs = 1 / (1 + np.exp(-x))
        cache = outputs
        return outputs, cache

    def backward(self, dout, cache):
        return dout * cache * (1 - cache)


class LeakyRelu:
    def __init__(self, slope=0.01):
        self.slope = slope

    def forward(self, x):
        return np.where(x > 0, x, self.slope * x), x

    def backward(self, dout, cache):
        return np.where(cache > 0, 1.0, self.slope) * dout


class CrossEntropyFromLogits:
    def __init__(self):
        self.cache = {}

    def forward(self, y_out, y_truth, reduction='mean'):
        onehot = np.zeros_like(y_out)
        onehot[np.arange(len(y_truth)), y_truth] = 1
        e = np.exp(y_out - y_out.max(axis=1, keepdims=True))
        self.cache['probs'] = probs = e / e.sum(axis=1, keepdims=True)
        self.cache['onehot'] = onehot
        loss = -(onehot * np.log(probs)).sum(axis=1)
        return loss.mean() if reduction == 'mean' else loss.sum()

    def backward(self, y_out, y_truth):
        return (self.cache['probs'] - self.cache['onehot']) / len(y_truth)

    def __call__(self, y_out, y_truth):
        return self.forward(y_out, y_truth), self.backward(y_out, y_truth)


class MSE:
    def forward(self, y_out, y_truth):
        return np.mean((y_out - y_truth) ** 2)

    def backward(self, y_out, y_truth):
        return 2 * (y_out - y_truth) / y_out.size

    def __call__(self, y_out, y_truth):
        return self.forward(y_out, y_truth), self.backward(y_out, y_truth)
