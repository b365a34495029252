"""
An LSTM for batches whose weights are one matrix: the first row is the bias, then inputs, then hidden units.
"""
import numpy as np
import code


class LSTM:

  @staticmethod
  def init(D, H, forget_bias=3):
    W_all = np.random.randn(D + H + 1, 4 * H) / np.sqrt(D + H)
    W_all[0, :] = 0
    if forget_bias != 0:
      W_all[0, H:2*H] = forget_bias
    return W_all

  @staticmethod
  def forward(X, W_all, c0=None, h0=None):
    """
    X: (n, b, D), n steps of b sequences
    """
    n, b, D = X.shape
    d = W_all.shape[1] // 4
    if c0 is None: c0 = np.zeros((b, d))
    if h0 is None: h0 = np.zeros((b, d))
    Z = np.zeros((n, b, W_all.shape[0]))
    Hs = np.zeros((n, b, d))
    G = np.zeros((n, b, d * 4))
    Cs = np.zeros((n, b, d))
    tanhC = np.zeros((n, b, d))
    for t in range(n):
      prevh = Hs[t-1] if t > 0 else h0
      Z[t, :, 0] = 1
      Z[t, :, 1:1+D] = X[t]
      Z[t, :, 1+D:] = prevh
      raw = Z[t].dot(W_all)
      G[t, :, :3*d] = 1.0 / (1.0 + np.exp(-raw[:, :3*d]))
      G[t, :, 3*d:] = np.tanh(raw[:, 3*d:])
      prevc = Cs[t-1] if t > 0 else c0
      Cs[t] = G[t, :, :d] * G[t, :, 3*d:] + G[t, :, d:2*d] * prevc
      tanhC[t] = np.tanh(Cs[t])
      Hs[t] = G[t, :, 2*d:3*d] * tanhC[t]
    cache = {}
    cache['W_all'] = W_all
    cache['Hs'] = Hs
    cache['G'] = G
    cache['Cs'] = Cs
    cache['tanhC'] = tanhC
    cache['Z'] = Z
    cache['c0'] = c0
    return Hs, Cs[n-1], Hs[n-1], cache

  @staticmethod
  def backward(d_out, cache, d_c=None, d_h=None):
    W_all, Hs, G = cache['W_all'], cache['Hs'], cache['G']
    Cs, tanhC, Z, c0 = cache['Cs'], cache['tanhC'], cache['Z'], cache['c0']
    n, b, d = Hs.shape
    D = W_all.shape[0] - d - 1
    dG = np.zeros((n, b, d * 4))
    dW_all = np.zeros(W_all.shape)
    dX = np.zeros((n, b, D))
    dHs = d_out.copy()
    dCs = np.zeros(Cs.shape)
    dh0 = np.zeros((b, d))
    if d_c is not None: dCs[n-1] += d_c
    if d_h is not None: dHs[n-1] += d_h
    for t in reversed(range(n)):
      i, f, o, g = (G[t, :, k*d:(k+1)*d] for k in range(4))
      do = tanhC[t] * dHs[t]
      dCs[t] += (1 - tanhC[t] ** 2) * (o * dHs[t])
      if t > 0:
        df = Cs[t-1] * dCs[t]
        dCs[t-1] += f * dCs[t]
      else:
        df = c0 * dCs[t]
        dc0 = f * dCs[t]
      di = g * dCs[t]
      dg = i * dCs[t]
      dG[t] = np.hstack((di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g ** 2)))
      dW_all += Z[t].T.dot(dG[t])
      dZ = dG[t].dot(W_all.T)
      dX[t] = dZ[:, 1:1+D]
      if t > 0:
        dHs[t-1] += dZ[:, 1+D:]
      else:
        dh0 += dZ[:, 1+D:]
    return dX, dW_all, dc0, dh0
