import numpy as np


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def forward_prop(X, theta):
    """X: (m, T, n_x). theta: dictionary of weights. Returns all hidden states and a list of dictionaries."""
    m, T, _ = X.shape
    n_h = theta["Wf"].shape[1]
    h = np.zeros((m, n_h))
    c = np.zeros((m, n_h))
    states, memory = [], []
    for t in range(T):
        x = X[:, t]
        v = {"x": x, "h": h, "c": c}
        for gate in "fio":
            v[gate] = sigmoid(x @ theta["W" + gate] + h @ theta["U" + gate] + theta["b" + gate])
        v["s"] = np.tanh(x @ theta["Ws"] + h @ theta["Us"] + theta["bs"])
        c = v["f"] * c + v["i"] * v["s"]
        v["c_new"] = c
        h = v["o"] * np.tanh(c)
        states.append(h)
        memory.append(v)
    return np.array(states).transpose(1, 0, 2), memory


def backward_prop(dA, memory, theta):
    """Returns a dictionary with X_grad, Wf_grad, Uf_grad, bf_grad, ..."""
    grads = {name + "_grad": np.zeros(value.shape) for name, value in theta.items()}
    dh = np.zeros_like(dA[:, 0])
    dc = np.zeros_like(dh)
    dX = []
    for t in range(len(memory) - 1, -1, -1):
        v = memory[t]
        dh = dh + dA[:, t]
        tc = np.tanh(v["c_new"])
        dc = dc + dh * v["o"] * (1 - tc ** 2)
        delta = {
            "f": dc * v["c"] * v["f"] * (1 - v["f"]),
            "i": dc * v["s"] * v["i"] * (1 - v["i"]),
            "o": dh * tc * v["o"] * (1 - v["o"]),
            "s": dc * v["i"] * (1 - v["s"] ** 2),
        }
        dc = dc * v["f"]
        dx, dh = 0, 0
        for gate in delta:
            grads["W%s_grad" % gate] += v["x"].T @ delta[gate]
            grads["U%s_grad" % gate] += v["h"].T @ delta[gate]
            grads["b%s_grad" % gate] += delta[gate].sum(axis=0)
            dx = dx + delta[gate] @ theta["W" + gate].T
            dh = dh + delta[gate] @ theta["U" + gate].T
        dX.append(dx)
    grads["X_grad"] = np.stack(dX[::-1], axis=1)
    return grads
