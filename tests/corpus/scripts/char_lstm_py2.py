#!/usr/bin/env python2
# LSTM over characters, everything in module globals
import numpy as np
import sys

H = 6
V = 5
np.random.seed(3)
Wf = np.random.randn(H, H + V) * 0.1
Wi = np.random.randn(H, H + V) * 0.1
Wo = np.random.randn(H, H + V) * 0.1
Wc = np.random.randn(H, H + V) * 0.1
Wy = np.random.randn(V, H) * 0.1
bf = np.ones((H, 1))
bi = np.zeros((H, 1))
bo = np.zeros((H, 1))
bc = np.zeros((H, 1))
by = np.zeros((V, 1))

def sig(v):
	return 1. / (1. + np.exp(-v))

def lossFun(inputs, targets, hprev, cprev):
	z, f, i, o, g, c, h, p = {}, {}, {}, {}, {}, {}, {}, {}
	h[-1] = np.copy(hprev)
	c[-1] = np.copy(cprev)
	loss = 0
	for t in xrange(len(inputs)):
		x = np.zeros((V, 1))
		x[inputs[t]] = 1
		z[t] = np.vstack((h[t - 1], x))
		f[t] = sig(np.dot(Wf, z[t]) + bf)
		i[t] = sig(np.dot(Wi, z[t]) + bi)
		o[t] = sig(np.dot(Wo, z[t]) + bo)
		g[t] = np.tanh(np.dot(Wc, z[t]) + bc)
		c[t] = f[t] * c[t - 1] + i[t] * g[t]
		h[t] = o[t] * np.tanh(c[t])
		y = np.dot(Wy, h[t]) + by
		p[t] = np.exp(y) / np.sum(np.exp(y))
		loss += -np.log(p[t][targets[t], 0])
	grads = dict((name, np.zeros_like(globals()[name])) for name in 'Wf Wi Wo Wc Wy bf bi bo bc by'.split())
	dhnext, dcnext = np.zeros((H, 1)), np.zeros((H, 1))
	for t in reversed(xrange(len(inputs))):
		dy = np.copy(p[t])
		dy[targets[t]] -= 1
		grads['Wy'] += np.dot(dy, h[t].T)
		grads['by'] += dy
		dh = np.dot(Wy.T, dy) + dhnext
		tc = np.tanh(c[t])
		dc = dcnext + dh * o[t] * (1 - tc ** 2)
		do = dh * tc * o[t] * (1 - o[t])
		df = dc * c[t - 1] * f[t] * (1 - f[t])
		di = dc * g[t] * i[t] * (1 - i[t])
		dg = dc * i[t] * (1 - g[t] ** 2)
		for name, d in (('f', df), ('i', di), ('o', do), ('c', dg)):
			grads['W' + name] += np.dot(d, z[t].T)
			grads['b' + name] += d
		dz = np.dot(Wf.T, df) + np.dot(Wi.T, di) + np.dot(Wo.T, do) + np.dot(Wc.T, dg)
		dhnext = dz[:H]
		dcnext = dc * f[t]
	return loss, grads, h[len(inputs) - 1], c[len(inputs) - 1]

if len(sys.argv) > 1:
	text = open(sys.argv[1]).read()
else:
	text = 'abcdeabcde' * 20
ix = dict((ch, k) for k, ch in enumerate(sorted(set(text))))
hp, cp = np.zeros((H, 1)), np.zeros((H, 1))
for n in xrange(0, len(text) - 11, 10):
	ids = [ix[ch] for ch in text[n:n + 11]]
	loss, grads, hp, cp = lossFun(ids[:-1], ids[1:], hp, cp)
	for name in grads:
		globals()[name] -= 0.1 * grads[name]
	print "step", n, "loss", loss
print "done"
