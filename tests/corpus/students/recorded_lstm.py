import numpy as np


class LstmLayer(object):
    def __init__(self, input_width, state_width, learning_rate=0.01):
        self.input_width, self.state_width = input_width, state_width
        rng = np.random.RandomState(5)
        for gate in ('f', 'i', 'o', 'ct'):
            setattr(self, 'W%sh' % gate, rng.uniform(-0.5, 0.5, (state_width, state_width)))
            setattr(self, 'W%sx' % gate, rng.uniform(-0.5, 0.5, (state_width, input_width)))
            setattr(self, 'b%s' % gate, np.zeros((state_width, 1)))
        self.reset_state()

    def reset_state(self):
        self.times = 0
        zero = np.zeros((self.state_width, 1))
        self.x_list, self.c_list, self.h_list = [None], [zero], [zero]
        self.f_list, self.i_list, self.o_list, self.ct_list = [zero], [zero], [zero], [zero]

    def gate(self, x, name):
        return (getattr(self, 'W%sh' % name) @ self.h_list[self.times - 1]
                + getattr(self, 'W%sx' % name) @ x + getattr(self, 'b%s' % name))

    def forward(self, x):
        self.times += 1
        fg, ig, og = (1 / (1 + np.exp(-self.gate(x, k))) for k in ('f', 'i', 'o'))
        ct = np.tanh(self.gate(x, 'ct'))
        c = fg * self.c_list[-1] + ig * ct
        self.x_list.append(x)
        self.f_list.append(fg); self.i_list.append(ig); self.o_list.append(og); self.ct_list.append(ct)
        self.c_list.append(c)
        self.h_list.append(og * np.tanh(c))
        return self.h_list[-1]

    def backward(self, delta_h):
        """delta_h: gradient at the last output; the gradients are attributes W.._grad and b.._grad"""
        for k in ('f', 'i', 'o', 'ct'):
            setattr(self, 'W%sh_grad' % k, np.zeros((self.state_width, self.state_width)))
            setattr(self, 'W%sx_grad' % k, np.zeros((self.state_width, self.input_width)))
            setattr(self, 'b%s_grad' % k, np.zeros((self.state_width, 1)))
        for t in range(self.times, 0, -1):
            i, f, o, ct, c = self.i_list[t], self.f_list[t], self.o_list[t], self.ct_list[t], self.c_list[t]
            tanh_c = np.tanh(c)
            dc = delta_h * o * (1 - tanh_c ** 2)
            delta = {
                'o': delta_h * tanh_c * o * (1 - o),
                'f': dc * self.c_list[t - 1] * f * (1 - f),
                'i': dc * ct * i * (1 - i),
                'ct': dc * i * (1 - ct ** 2),
            }
            delta_h = 0
            for k, d in delta.items():
                getattr(self, 'W%sh_grad' % k)[...] += d @ self.h_list[t - 1].T
                getattr(self, 'W%sx_grad' % k)[...] += d @ self.x_list[t].T
                getattr(self, 'b%s_grad' % k)[...] += d
                delta_h = delta_h + getattr(self, 'W%sh' % k).T @ d
