# coding: utf-8
import numpy as np
import sys
sys.path.append('..')
from common.functions import sigmoid


class LSTM:
    def __init__(self, Wx, Wh, b):
        '''
        Wx: (D, 4H), Wh: (H, 4H), b: (4H,); the four parts are f, g, i, o
        '''
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(p) for p in self.params]
        self.cache = None

    def forward(self, x, h_prev, c_prev):
        Wx, Wh, b = self.params
        N, H = h_prev.shape
        A = np.dot(x, Wx) + np.dot(h_prev, Wh) + b
        f = sigmoid(A[:, :H])
        g = np.tanh(A[:, H:2*H])
        i = sigmoid(A[:, 2*H:3*H])
        o = sigmoid(A[:, 3*H:])
        c_new = f * c_prev + g * i
        h_new = o * np.tanh(c_new)
        self.cache = (x, h_prev, c_prev, f, g, i, o, c_new)
        return h_new, c_new

    def backward(self, dh_next, dc_new):
        Wx, Wh, b = self.params
        x, h_prev, c_prev, f, g, i, o, c_new = self.cache
        tanh_c = np.tanh(c_new)
        dc = dc_new + (dh_next * o) * (1 - tanh_c ** 2)
        dc_prev = dc * f
        di = dc * g * i * (1 - i)
        df = dc * c_prev * f * (1 - f)
        do = dh_next * tanh_c * o * (1 - o)
        dg = dc * i * (1 - g ** 2)
        dA = np.hstack((df, dg, di, do))
        self.grads[0][...] = np.dot(x.T, dA)
        self.grads[1][...] = np.dot(h_prev.T, dA)
        self.grads[2][...] = dA.sum(axis=0)
        return np.dot(dA, Wx.T), np.dot(dA, Wh.T), dc_prev


class TimeLSTM:
    def __init__(self, Wx, Wh, b, keep=False):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(p) for p in self.params]
        self.layers = None
        self.h, self.c = None, None
        self.dh = None
        self.keep = keep

    def forward(self, xs):
        Wx, Wh, b = self.params
        N, T, D = xs.shape
        H = Wh.shape[0]
        self.layers = []
        hs = np.empty((N, T, H))
        if not self.keep or self.h is None:
            self.h = np.zeros((N, H))
        if not self.keep or self.c is None:
            self.c = np.zeros((N, H))
        for t in range(T):
            layer = LSTM(*self.params)
            self.h, self.c = layer.forward(xs[:, t], self.h, self.c)
            hs[:, t, :] = self.h
            self.layers.append(layer)
        return hs

    def backward(self, dhs):
        N, T, H = dhs.shape
        D = self.params[0].shape[0]
        dxs = np.empty((N, T, D))
        dh, dc = 0, 0
        grads = [0, 0, 0]
        for t in reversed(range(T)):
            layer = self.layers[t]
            dx, dh, dc = layer.backward(dhs[:, t] + dh, dc)
            dxs[:, t, :] = dx
            for i, grad in enumerate(layer.grads):
                grads[i] += grad
        for i, grad in enumerate(grads):
            self.grads[i][...] = grad
        self.dh = dh
        return dxs
