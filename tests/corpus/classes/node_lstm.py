import random
import math

import numpy as np


def sigmoid(x):
    return 1. / (1 + np.exp(-x))

def uniform(a, b, *args):
    np.random.seed(0)
    return np.random.rand(*args) * (b - a) + a

class CellParam:
    def __init__(self, cells, x_dim):
        self.cells = cells
        self.x_dim = x_dim
        joined = x_dim + cells
        for gate in 'gifo':
            setattr(self, 'w' + gate, uniform(-0.1, 0.1, cells, joined))
            setattr(self, 'b' + gate, uniform(-0.1, 0.1, cells))
        self.zero_diff()

    def zero_diff(self):
        for gate in 'gifo':
            setattr(self, 'w' + gate + '_diff', np.zeros((self.cells, self.x_dim + self.cells)))
            setattr(self, 'b' + gate + '_diff', np.zeros(self.cells))

    def apply_diff(self, lr=1):
        for gate in 'gifo':
            getattr(self, 'w' + gate)[...] -= lr * getattr(self, 'w' + gate + '_diff')
            getattr(self, 'b' + gate)[...] -= lr * getattr(self, 'b' + gate + '_diff')
        self.zero_diff()

class CellState:
    def __init__(self, cells, x_dim):
        self.g = np.zeros(cells)
        self.i = np.zeros(cells)
        self.f = np.zeros(cells)
        self.o = np.zeros(cells)
        self.s = np.zeros(cells)
        self.h = np.zeros(cells)
        self.below_h = np.zeros_like(self.h)
        self.below_s = np.zeros_like(self.s)
        self.below_x = np.zeros(x_dim)

class CellNode:
    def __init__(self, param, state):
        self.state = state
        self.param = param
        self.xc = None

    def data_is(self, x, s_before=None, h_before=None):
        if s_before is None: s_before = np.zeros_like(self.state.s)
        if h_before is None: h_before = np.zeros_like(self.state.h)
        self.s_before = s_before
        self.h_before = h_before
        st, p = self.state, self.param
        xc = np.hstack((x, h_before))  # joined [x, h]
        st.g = np.tanh(np.dot(p.wg, xc) + p.bg)
        st.i = sigmoid(np.dot(p.wi, xc) + p.bi)
        st.f = sigmoid(np.dot(p.wf, xc) + p.bf)
        st.o = sigmoid(np.dot(p.wo, xc) + p.bo)
        st.s = st.g * st.i + s_before * st.f
        st.h = np.tanh(st.s) * st.o
        self.xc = xc

    def diff_is(self, diff_h, diff_s):
        st, p = self.state, self.param
        th = np.tanh(st.s)
        ds = st.o * (1 - th ** 2) * diff_h + diff_s
        di_input = st.i * (1 - st.i) * st.g * ds
        df_input = st.f * (1 - st.f) * self.s_before * ds
        do_input = st.o * (1 - st.o) * th * diff_h
        dg_input = (1 - st.g ** 2) * st.i * ds

        p.wi_diff += np.outer(di_input, self.xc)
        p.wf_diff += np.outer(df_input, self.xc)
        p.wo_diff += np.outer(do_input, self.xc)
        p.wg_diff += np.outer(dg_input, self.xc)
        p.bi_diff += di_input
        p.bf_diff += df_input
        p.bo_diff += do_input
        p.bg_diff += dg_input

        dxc = np.dot(p.wi.T, di_input)
        dxc += np.dot(p.wf.T, df_input)
        dxc += np.dot(p.wo.T, do_input)
        dxc += np.dot(p.wg.T, dg_input)
        st.below_s = ds * st.f
        st.below_x = dxc[:p.x_dim]
        st.below_h = dxc[p.x_dim:]
