# a recurrent layer of a small framework: X is (samples, steps, inputs), parameters live in self._params
import autograd.numpy as np
from autograd import elementwise_grad
from six.moves import range


class ParamDict(dict):
    def __init__(self):
        super().__init__()
        self._grads = {}

    def init_grad(self):
        for key in self:
            self._grads[key] = np.zeros_like(self[key])

    def update_grad(self, name, value):
        self._grads[name] = value

    @property
    def grad(self):
        return self._grads


class RNN:
    def __init__(self, units, activation="tanh", sequences=True):
        self.sequences = sequences
        self.units = units
        self._params = ParamDict()
        self.seen = None
        self.states = None

    def setup(self, x_shape):
        self.input_dim = x_shape[2]
        self._params["W"] = np.random.normal(0, 0.3, (self.input_dim, self.units))
        self._params["U"] = np.random.normal(0, 0.3, (self.units, self.units))
        self._params["b"] = np.full((self.units,), 0.0)
        self._params.init_grad()

    def forward_pass(self, X):
        self.seen = X
        m, steps, input_shape = X.shape
        states = np.zeros((m, steps + 1, self.units))
        p = self._params
        for i in range(steps):
            states[:, i, :] = np.tanh(np.dot(X[:, i, :], p["W"]) + np.dot(states[:, i - 1, :], p["U"]) + p["b"])
        self.states = states
        if self.sequences:
            return states[:, 0:-1, :]
        else:
            return states[:, -2, :]

    def backward_pass(self, delta):
        if len(delta.shape) == 2:
            full = np.zeros((delta.shape[0], self.seen.shape[1], delta.shape[1]))
            full[:, -1, :] = delta
            delta = full
        m, steps, _ = delta.shape
        p = self._params
        grad = {k: np.zeros_like(p[k]) for k in p}
        d_input = np.zeros((m, steps, self.input_dim))
        carry = np.zeros((m, self.units))
        for i in reversed(range(steps)):
            local = (delta[:, i, :] + carry) * (1 - self.states[:, i, :] ** 2)
            grad["W"] += np.dot(self.seen[:, i, :].T, local)
            grad["b"] += local.sum(axis=0)
            grad["U"] += np.dot(self.states[:, i - 1, :].T, local)
            carry = np.dot(local, p["U"].T)
            d_input[:, i, :] = np.dot(local, p["W"].T)
        for k in grad.keys():
            p.update_grad(k, grad[k])
        return d_input

    def shape(self, x_shape):
        return x_shape[0], self.units
