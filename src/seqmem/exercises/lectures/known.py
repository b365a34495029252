"""Mistakes of passes beyond the catalogue of the gradient check: masks, models, searches, measures."""

from __future__ import annotations

from seqmem.checking.catalogue.mistakes.record import Mistake

HOLD_BACKWARD = (
    Mistake(
        "hold-sides-exchanged",
        "backward",
        "d_new = np.where(valid[:, None], d_h, 0)",
        "d_new = np.where(valid[:, None], 0, d_h)",
        "The gradient of new goes to the rows that were not new.",
        "Where valid is True, which of the two did h come from?",
    ),
    Mistake(
        "hold-prev-everywhere",
        "backward",
        "d_prev = np.where(valid[:, None], 0, d_h)",
        "d_prev = d_h",
        "The gradient of prev goes to every row, to those that came from new as well.",
        "A row of h came from one of two places: how many gradients may it send back?",
    ),
    Mistake(
        "hold-prev-without-gradient",
        "backward",
        "d_prev = np.where(valid[:, None], 0, d_h)",
        "d_prev = np.zeros_like(d_h)",
        "prev gets no gradient: what stands still hands nothing back.",
        "Past a sequence's end, h is prev. What is its gradient there?",
    ),
)
HOLD_FORWARD = (
    Mistake(
        "hold-forward-sides-exchanged",
        "forward",
        "h = np.where(valid[:, None], new, prev)",
        "h = np.where(valid[:, None], prev, new)",
        "The state moves in the padding and stands still in the sequence.",
        "What does valid say of a row: that it moves, or that it stands?",
    ),
    Mistake(
        "hold-forward-zero",
        "forward",
        "h = np.where(valid[:, None], new, prev)",
        "h = np.where(valid[:, None], new, 0)",
        "Past its end a sequence's state becomes 0; it should stand still.",
        "What does whoever reads the last state of a short sequence find there?",
    ),
)
LENGTH_MASK = (
    Mistake(
        "mask-one-too-long",
        "forward",
        "return np.arange(T)[:, None] < lengths",
        "return np.arange(T)[:, None] <= lengths",
        "Every sequence is one step too long.",
        "A sequence of length 2 has the steps 0 and 1: is step 2 within it?",
    ),
)
ZERO_PADDING_FORWARD = (
    Mistake(
        "padding-multiplied",
        "forward",
        "ys = np.where(mask[:, :, None], xs, 0)",
        "ys = xs * mask[:, :, None]",
        "The padding is multiplied by 0, and what was NaN there stays NaN.",
        "What is 0 * NaN, and who says that the padding holds numbers?",
    ),
)
ZERO_PADDING_BACKWARD = (
    Mistake(
        "padding-gradient-let-through",
        "backward",
        "d_xs = np.where(mask[:, :, None], d_ys, 0)",
        "d_xs = d_ys",
        "The padding has a gradient, although what stood there had no effect.",
        "What would change in ys if a number in the padding did?",
    ),
)
RNN_NORMS = (
    Mistake(
        "norms-not-handed-on",
        "forward",
        'd_h = rnn_step_backward(d_h, steps[t])["h_prev"]',
        'd_h = rnn_step_backward(d_h, steps[t])["h_prev"] * 1.0 if t == len(xs) - 1 else d_h',
        "The gradient is taken back through the last step alone.",
        "Which gradient goes into step t: that of the loss, or that of the state after step t?",
    ),
    Mistake(
        "norms-without-tanh",
        "forward",
        'd_h = rnn_step_backward(d_h, steps[t])["h_prev"]',
        "d_h = d_h @ W_h.T",
        "The derivative of tanh is left out: the gradient is multiplied by W_h alone.",
        "Between h and h_prev lie a product and a tanh. Which of them was taken back?",
    ),
    Mistake(
        "norms-step-forwards",
        "forward",
        'd_h = rnn_step_backward(d_h, steps[t])["h_prev"]',
        'd_h = rnn_step_backward(d_h, steps[len(xs) - 1 - t])["h_prev"]',
        "The steps' caches are read from the first on, while the loop runs from the last.",
        "Which step's cache belongs to step t?",
    ),
)
LSTM_NORMS = (
    Mistake(
        "lstm-norms-h-dropped",
        "forward",
        'd_h, d_c = d_step["h_prev"], d_step["c_prev"]',
        'd_h, d_c = np.zeros_like(d_h), d_step["c_prev"]',
        "The gradient of h is dropped at every step: c's way through the gates is missing.",
        "c_prev has an effect on c through f alone. Has it another, through h_prev and the gates?",
    ),
)
DECODER_STEP = (
    Mistake(
        "decoder-word-and-context-exchanged",
        "forward",
        "x = np.concatenate([y_prev, context], axis=1)",
        "x = np.concatenate([context, y_prev], axis=1)",
        "The cell sees the context first and the word after it.",
        "In which order does W_x expect the two, [y ; C] or [C ; y]?",
    ),
    Mistake(
        "decoder-without-mask",
        "forward",
        "context, weights, attention = additive_attention_forward(s_prev, keys, W_q, W_k, b_a, v, mask)",
        "context, weights, attention = additive_attention_forward(s_prev, keys, W_q, W_k, b_a, v)",
        "The mask is not handed to the attention: the padding gets weight.",
        "What keeps the decoder from looking at positions past a source's end?",
    ),
)
DECODER_STEP_BACKWARD = (
    Mistake(
        "decoder-query-gradient-dropped",
        "backward",
        'd_s_prev = d_gru["h_prev"] + d_attention["query"]',
        'd_s_prev = d_gru["h_prev"]',
        "The gradient of s_prev lacks what comes through the attention.",
        "s_prev is used twice: the cell starts from it, and who else sees it?",
    ),
    Mistake(
        "decoder-cell-gradient-dropped",
        "backward",
        'd_s_prev = d_gru["h_prev"] + d_attention["query"]',
        'd_s_prev = d_attention["query"]',
        "The gradient of s_prev lacks what comes through the cell.",
        "s_prev is used twice: it is the attention query, and what else?",
    ),
    Mistake(
        "decoder-later-steps-dropped",
        "backward",
        'd_s = d_s + d_output["x"]',
        'd_s = d_output["x"]',
        "The gradient d_s that comes from later steps is dropped.",
        "s is used twice: by the logits, and by the next step.",
    ),
    Mistake(
        "decoder-logits-dropped",
        "backward",
        'd_s = d_s + d_output["x"]',
        "d_s = d_s + 0.0",
        "The logits hand no gradient to the state.",
        "s is used twice: by the next step, and by the logits.",
    ),
    Mistake(
        "decoder-weights-gradient-dropped",
        "backward",
        "d_attention = additive_attention_backward(d_context, d_weights, attention)",
        "d_attention = additive_attention_backward(d_context, 0 * d_weights, attention)",
        "The gradient of the weights, which are an output too, is dropped.",
        "The step has three outputs. What becomes of the gradient of the second?",
    ),
)
ENCODER_BACKWARD = (
    Mistake(
        "encoder-state-gradient-dropped",
        "backward",
        "d_gru = gru_before_backward(d_keys, d_state, gru)",
        "d_gru = gru_before_backward(d_keys, 0 * d_state, gru)",
        "The gradient of the last state is dropped: only the keys' reaches the encoder.",
        "What does the decoder start from, and where does that gradient go?",
    ),
)
DECODER_BACKWARD = (
    Mistake(
        "decoder-keys-overwritten",
        "backward",
        'd_keys += d_step["keys"]',
        'd_keys = d_step["keys"]',
        "The keys' gradient is that of the first step alone.",
        "How many steps of the decoder look at the keys?",
    ),
    Mistake(
        "decoder-carry-dropped",
        "backward",
        'd_s = d_step["s_prev"]',
        "d_s = 0 * d_s",
        "No step hands a gradient to the one before.",
        "What does step t - 1 have to know of the steps after it?",
    ),
    Mistake(
        "decoder-params-overwritten",
        "backward",
        'grads = {name: grads.get(name, 0) + grad for name, grad in d_step["params"].items()}',
        'grads = d_step["params"]',
        "The parameters' gradients are those of the first step alone.",
        "How many steps use the parameters?",
    ),
)
ENCODER_DECODER_BACKWARD = (
    Mistake(
        "encoder-without-initial-state",
        "backward",
        'd_encoder = encoder_backward(d_decoder["keys"], d_decoder["s0"], encoder)',
        'd_encoder = encoder_backward(d_decoder["keys"], 0 * d_decoder["s0"], encoder)',
        "The gradient of the decoder's first state does not reach the encoder.",
        "By which two ways does the encoder have an effect on the loss?",
    ),
    Mistake(
        "encoder-without-keys",
        "backward",
        'd_encoder = encoder_backward(d_decoder["keys"], d_decoder["s0"], encoder)',
        'd_encoder = encoder_backward(0 * d_decoder["keys"], d_decoder["s0"], encoder)',
        "The gradient of the keys does not reach the encoder.",
        "By which two ways does the encoder have an effect on the loss?",
    ),
)
BEAM_SEARCH = (
    Mistake(
        "beam-score-of-one-step",
        "forward",
        "extended.append((tokens, score + more, token, after))",
        "extended.append((tokens, more, token, after))",
        "A sequence's score is that of its last token: what came before is forgotten.",
        "The probability of a sentence is a product. Of what?",
    ),
    Mistake(
        "beam-end-takes-no-place",
        "forward",
        "for tokens, score, token, after in extended[: beam_size - len(ended)]:",
        "for tokens, score, token, after in extended[:beam_size]:",
        "The beam stays as wide as it was when a sequence has ended.",
        "Of how many places does a sequence that has ended keep one?",
    ),
    Mistake(
        "beam-worst-first",
        "forward",
        "extended.sort(key=lambda one: -one[1])",
        "extended.sort(key=lambda one: one[1])",
        "The least probable extensions are kept.",
        "Log-probabilities are negative: is -1 more or less probable than -2?",
    ),
    Mistake(
        "beam-unfinished-dropped",
        "forward",
        "ended += [(tokens, score) for tokens, score, _, _ in beam]",
        "ended += []",
        "What has not ended after max_length steps is dropped.",
        "A sequence that is cut off has no end token. Is it no answer?",
    ),
)
NUMERICAL_GRADIENT = (
    Mistake(
        "difference-one-sided",
        "forward",
        "for moved_by in (step, -step):",
        "for moved_by in (2 * step, 0.0):",
        "The difference is taken on one side: it is wrong by the step itself.",
        "Which terms of Taylor's series cancel in f(x + h) - f(x - h)?",
    ),
    Mistake(
        "difference-divided-by-step",
        "forward",
        "gradient[index] = (losses[0] - losses[1]) / (2 * step)",
        "gradient[index] = (losses[0] - losses[1]) / step",
        "The difference is divided by the step, where the entry was moved by two of them.",
        "How far are x + step and x - step apart?",
    ),
    Mistake(
        "difference-reversed",
        "forward",
        "gradient[index] = (losses[0] - losses[1]) / (2 * step)",
        "gradient[index] = (losses[1] - losses[0]) / (2 * step)",
        "The difference has the wrong sign.",
        "When the loss grows with the entry, which of the two losses is larger?",
    ),
)
RELATIVE_ERRORS = (
    Mistake(
        "errors-absolute",
        "forward",
        "errors[name] = float(difference / size if size > 0 else difference)",
        "errors[name] = float(difference)",
        "The errors are not relative to the size of the array.",
        "Is a difference of 0.01 large? What does that depend on?",
    ),
)
WRONG_GRADIENTS = (
    Mistake(
        "wrong-is-right",
        "forward",
        "return [name for name, error in errors.items() if not error <= tolerance]",
        "return [name for name, error in errors.items() if error <= tolerance]",
        "The names of the right gradients are returned.",
        "Which gradients should be listed?",
    ),
)
