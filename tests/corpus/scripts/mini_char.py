"""
The smallest character-level model with a plain recurrent network, in one script.
"""
import numpy as np

# the text
text = open('input.txt', 'r').read()
letters = list(set(text))
n_text, n_vocab = len(text), len(letters)
print('%d characters, %d of them unique.' % (n_text, n_vocab))
index_of = { ch:i for i,ch in enumerate(letters) }
letter_of = { i:ch for i,ch in enumerate(letters) }

# hyperparameters
n_hidden = 100
n_steps = 25
step_size = 1e-1

# model parameters
W_in = np.random.randn(n_hidden, n_vocab)*0.01
W_rec = np.random.randn(n_hidden, n_hidden)*0.01  # from step to step
W_out = np.random.randn(n_vocab, n_hidden)*0.01
b_h = np.zeros((n_hidden, 1))
b_y = np.zeros((n_vocab, 1))

def loss_fun(inputs, targets, h0):
  """
  inputs and targets are lists of integers, h0 is Hx1.
  returns the loss, the gradients of the parameters, and the last hidden state
  """
  onehot, state, score, prob = {}, {}, {}, {}
  state[-1] = np.copy(h0)
  loss = 0
  for t in range(len(inputs)):
    onehot[t] = np.zeros((n_vocab, 1))
    onehot[t][inputs[t]] = 1
    state[t] = np.tanh(W_in.dot(onehot[t]) + W_rec.dot(state[t-1]) + b_h)
    score[t] = np.dot(W_out, state[t]) + b_y
    prob[t] = np.exp(score[t] - score[t].max())
    prob[t] /= prob[t].sum()
    loss += -np.log(prob[t][targets[t],0])
  dW_in, dW_rec, dW_out = np.zeros_like(W_in), np.zeros_like(W_rec), np.zeros_like(W_out)
  db_h, db_y = np.zeros_like(b_h), np.zeros_like(b_y)
  dhnext = np.zeros_like(state[0])
  for t in reversed(range(len(inputs))):
    dy = np.copy(prob[t])
    dy[targets[t]] -= 1
    dW_out += np.dot(dy, state[t].T)
    db_y += dy
    dh = np.dot(W_out.T, dy) + dhnext
    dpre = (1 - state[t] * state[t]) * dh
    db_h += dpre
    dW_in += np.dot(dpre, onehot[t].T)
    dW_rec += np.dot(dpre, state[t-1].T)
    dhnext = np.dot(W_rec.T, dpre)
  for dparam in [dW_in, dW_rec, dW_out, db_h, db_y]:
    np.clip(dparam, -5, 5, out=dparam)  # so that no step is huge
  return loss, dW_in, dW_rec, dW_out, db_h, db_y, state[len(inputs)-1]

n, p = 0, 0
mW_in, mW_rec, mW_out = np.zeros_like(W_in), np.zeros_like(W_rec), np.zeros_like(W_out)
mb_h, mb_y = np.zeros_like(b_h), np.zeros_like(b_y)
smooth = n_steps * np.log(n_vocab)
while True:
  if p+n_steps+1 >= len(text) or n == 0:
    h0 = np.zeros((n_hidden,1))
    p = 0
  inputs = [index_of[ch] for ch in text[p:p+n_steps]]
  targets = [index_of[ch] for ch in text[p+1:p+n_steps+1]]
  loss, dW_in, dW_rec, dW_out, db_h, db_y, h0 = loss_fun(inputs, targets, h0)
  smooth = 0.99 * smooth + 0.01 * loss
  if n % 100 == 0: print('iter %d, loss: %f' % (n, smooth))
  for w, d, m in zip([W_in, W_rec, W_out, b_h, b_y],
                                [dW_in, dW_rec, dW_out, db_h, db_y],
                                [mW_in, mW_rec, mW_out, mb_h, mb_y]):
    m += d ** 2
    w -= step_size * d / np.sqrt(m + 1e-8)
  p += n_steps
  n += 1
