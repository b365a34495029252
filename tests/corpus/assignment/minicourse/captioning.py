import numpy as np

from minicourse.rnn_layers import *


class CaptioningRNN(object):
    """
    Describes an image by a sentence: features (N, D) give the first hidden state, a vanilla RNN or an
    LSTM produces one word after the other.
    """

    def __init__(self, word_to_idx, input_dim=6, wordvec_dim=4, hidden_dim=5, cell_type='rnn',
                 dtype=np.float64):
        if cell_type not in {'rnn', 'lstm'}:
            raise ValueError('bad cell_type "%s"' % cell_type)
        self.cell_type = cell_type
        self.dtype = dtype
        self.params = {}
        V = len(word_to_idx)
        self._null = word_to_idx['<NULL>']

        dim_mul = {'lstm': 4, 'rnn': 1}[cell_type]
        self.params['W_embed'] = np.random.randn(V, wordvec_dim) / 100
        self.params['W_proj'] = np.random.randn(input_dim, hidden_dim) / np.sqrt(input_dim)
        self.params['b_proj'] = np.zeros(hidden_dim)
        self.params['Wx'] = np.random.randn(wordvec_dim, dim_mul * hidden_dim) / np.sqrt(wordvec_dim)
        self.params['Wh'] = np.random.randn(hidden_dim, dim_mul * hidden_dim) / np.sqrt(hidden_dim)
        self.params['b'] = np.zeros(dim_mul * hidden_dim)
        self.params['W_vocab'] = np.random.randn(hidden_dim, V) / np.sqrt(hidden_dim)
        self.params['b_vocab'] = np.zeros(V)
        for k, v in self.params.items():
            self.params[k] = v.astype(self.dtype)

    def loss(self, features, captions):
        """Returns the loss and a dictionary of gradients parallel to self.params."""
        captions_in = captions[:, :-1]
        captions_out = captions[:, 1:]
        mask = (captions_out != self._null)
        p = self.params
        grads = {}

        h0, cache_proj = affine_forward(features, p['W_proj'], p['b_proj'])
        words, cache_embed = word_embedding_forward(captions_in, p['W_embed'])
        if self.cell_type == 'rnn':
            h, cache_h = rnn_forward(words, h0, p['Wx'], p['Wh'], p['b'])
        else:
            h, cache_h = lstm_forward(words, h0, p['Wx'], p['Wh'], p['b'])
        scores, cache_vocab = temporal_affine_forward(h, p['W_vocab'], p['b_vocab'])
        loss, dscores = temporal_softmax_loss(scores, captions_out, mask)

        dh, grads['W_vocab'], grads['b_vocab'] = temporal_affine_backward(dscores, cache_vocab)
        back = rnn_backward if self.cell_type == 'rnn' else lstm_backward
        dwords, dh0, grads['Wx'], grads['Wh'], grads['b'] = back(dh, cache_h)
        grads['W_embed'] = word_embedding_backward(dwords, cache_embed)
        _, grads['W_proj'], grads['b_proj'] = affine_backward(dh0, cache_proj)
        return loss, grads
