from abc import ABC, abstractmethod
import numpy as np


class LayerBase(ABC):
    def __init__(self, optimizer=None):
        self.X = []
        self.trainable = True
        self.gradients = {}
        self.parameters = {}
        self.derived_variables = {}
        super().__init__()

    @abstractmethod
    def forward(self, Z, **kwargs):
        raise NotImplementedError

    def flush_gradients(self):
        for k in self.parameters:
            self.gradients[k] = np.zeros_like(self.parameters[k])


class LSTMCell(LayerBase):
    def __init__(self, n_out, init="glorot_uniform", optimizer=None):
        r"""
        A single step of an LSTM; call `forward` for every timestep, then `backward` for every timestep
        in reverse order.

        .. math::
            Z_t = [A_{t-1}, X_t]
        """
        super().__init__(optimizer)
        self.init = init
        self.n_in = None
        self.n_out = n_out
        self.n_timesteps = None
        self.parameters = {k: None for k in ("Wf", "Wu", "Wc", "Wo", "bf", "bu", "bc", "bo")}
        self.is_initialized = False

    def _init_params(self):
        rng = np.random.RandomState(7)
        for k in ("f", "u", "c", "o"):
            self.parameters["W" + k] = rng.uniform(-0.5, 0.5, (self.n_in + self.n_out, self.n_out))
            self.parameters["b" + k] = np.zeros((1, self.n_out))
        self.flush_gradients()
        self.is_initialized = True

    def forward(self, Xt):
        """Xt: (n_ex, n_in). Returns At and Ct, (n_ex, n_out)"""
        if not self.is_initialized:
            self.n_in = Xt.shape[1]
            self._init_params()
        dv = self.derived_variables
        if not self.X:
            zero = np.zeros((Xt.shape[0], self.n_out))
            dv.clear()
            dv.update({"A": [zero], "C": [zero], "gates": [], "dA": None, "dC": None, "t": 0})
        P = self.parameters
        Z = np.hstack([dv["A"][-1], Xt])
        Gf = 1 / (1 + np.exp(-(Z @ P["Wf"] + P["bf"])))
        Gu = 1 / (1 + np.exp(-(Z @ P["Wu"] + P["bu"])))
        Go = 1 / (1 + np.exp(-(Z @ P["Wo"] + P["bo"])))
        Cc = np.tanh(Z @ P["Wc"] + P["bc"])
        Ct = Gf * dv["C"][-1] + Gu * Cc
        At = Go * np.tanh(Ct)
        dv["A"].append(At)
        dv["C"].append(Ct)
        dv["gates"].append((Z, Gf, Gu, Go, Cc))
        dv["t"] += 1
        self.X.append(Xt)
        return At, Ct

    def backward(self, dLdAt):
        """Gradient at the input of the current timestep; the parameters' gradients add up in self.gradients"""
        dv, P, G = self.derived_variables, self.parameters, self.gradients
        dv["t"] -= 1
        t = dv["t"]
        Z, Gf, Gu, Go, Cc = dv["gates"][t]
        Ct, C_prev = dv["C"][t + 1], dv["C"][t]
        dA = dLdAt if dv["dA"] is None else dLdAt + dv["dA"]
        dC = dA * Go * (1 - np.tanh(Ct) ** 2)
        if dv["dC"] is not None:
            dC = dC + dv["dC"]
        d = {
            "o": dA * np.tanh(Ct) * Go * (1 - Go),
            "f": dC * C_prev * Gf * (1 - Gf),
            "u": dC * Cc * Gu * (1 - Gu),
            "c": dC * Gu * (1 - Cc ** 2),
        }
        dZ = np.zeros_like(Z)
        for k, value in d.items():
            G["W" + k] += Z.T @ value
            G["b" + k] += value.sum(axis=0, keepdims=True)
            dZ += value @ P["W" + k].T
        dv["dA"] = dZ[:, : self.n_out]
        dv["dC"] = dC * Gf
        return dZ[:, self.n_out :]
