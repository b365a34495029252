"""Mistakes in a gated recurrent unit whose reset gate is after the product."""

from __future__ import annotations

from seqmem.checking.catalogue.mistakes.gru import in_both_forms
from seqmem.checking.catalogue.mistakes.record import Mistake

_D_R = "d_r = d_a_n * a_hn"
_D_A_HN = "d_a_hn = d_a_n * r"
_THROUGH_N = "through_n = d_a_hn @ W_h[2].T"
_D_W_HN = "d_W_hn = h_prev.T @ d_a_hn"
_D_B_HN = "d_b_hn = d_a_hn.sum(axis=0)"
_A_N = "a_n = x_n + r * a_hn"
_A_HN = "a_hn = h_prev @ W_h[2] + b_hn"

MISTAKES: tuple[Mistake, ...] = (
    *in_both_forms("gru-after", ("W_x", "W_h", "b", "b_hn")),
    Mistake(
        "gru-after-d-r-with-h-prev",
        "backward",
        _D_R,
        "d_r = d_a_n * h_prev",
        "The reset gate's gradient uses h_{t-1}; in this form r multiplies h_{t-1} W_hn + b_hn.",
        "What exactly does r multiply?",
    ),
    Mistake(
        "gru-after-d-r-of-reset-before",
        "backward",
        _D_R,
        "d_r = (d_a_n @ W_h[2].T) * h_prev",
        "The reset gate's gradient is that of the reset-before form, (d_a_n W_hnᵀ) h_{t-1}.",
        "Does r multiply h_prev or the product of h_prev and W_hn?",
    ),
    Mistake(
        "gru-after-d-r-without-a-hn",
        "backward",
        _D_R,
        "d_r = d_a_n",
        "The reset gate's gradient lacks its factor h_{t-1} W_hn + b_hn.",
        "What does r multiply?",
    ),
    Mistake(
        "gru-after-d-r-from-d-n",
        "backward",
        _D_R,
        "d_r = d_n * a_hn",
        "The reset gate's gradient comes from d_n and not from d_a_n: it skips the candidate's tanh.",
        "Is r inside or outside the tanh?",
    ),
    Mistake(
        "gru-after-d-a-hn-without-r",
        "backward",
        _D_A_HN,
        "d_a_hn = d_a_n",
        "The gradient of h_{t-1} W_hn + b_hn lacks the reset gate r.",
        "How much of h_prev @ W_hn + b_hn does r let through?",
    ),
    Mistake(
        "gru-after-d-h-without-r",
        "backward",
        _THROUGH_N,
        "through_n = d_a_n @ W_h[2].T",
        "The candidate's path to h_{t-1} lacks the reset gate r; the weights' gradient has it.",
        "What lies between h_prev @ W_hn and a_n?",
    ),
    Mistake(
        "gru-after-r-on-the-wrong-side",
        "backward",
        _THROUGH_N,
        "through_n = (d_a_n @ W_h[2].T) * r",
        "The candidate's path to h_{t-1} is reset after W_hn's transpose, as in the reset-before form.",
        "Going backward, which comes first: the reset or the product with W_hn?",
    ),
    Mistake(
        "gru-after-through-n-without-transpose",
        "backward",
        _THROUGH_N,
        "through_n = d_a_hn @ W_h[2]",
        "The candidate's path to h_{t-1} is multiplied by W_hn, not by its transpose.",
        "W_hn is square, so the shapes do not warn you: which of its axes does d_a_hn belong to?",
    ),
    Mistake(
        "gru-after-d-W-hn-without-r",
        "backward",
        _D_W_HN,
        "d_W_hn = h_prev.T @ d_a_n",
        "The gradient of W_hn lacks the reset gate r, which multiplies the product.",
        "What lies between h_prev @ W_hn and a_n?",
    ),
    Mistake(
        "gru-after-d-W-hn-of-reset-before",
        "backward",
        _D_W_HN,
        "d_W_hn = (r * h_prev).T @ d_a_n",
        "The gradient of W_hn is that of the reset-before form: r multiplies h_{t-1}, not d_a_n.",
        "What exactly is to the left of W_hn?",
    ),
    Mistake(
        "gru-after-d-W-hn-overwritten",
        "backward",
        'd_W_h += d_step["W_h"]',
        'd_W_h[2] = 0\nd_W_h += d_step["W_h"]',
        "The gradient of W_hn is overwritten at each step; only the first step's term is left.",
        "W_hn is used at every step: are its gradients replaced or added up?",
    ),
    Mistake(
        "gru-after-d-b-hn-without-r",
        "backward",
        _D_B_HN,
        "d_b_hn = d_a_n.sum(axis=0)",
        "The gradient of b_hn lacks the reset gate r: it is that of the other bias, b_n.",
        "Does r multiply b_hn?",
    ),
    Mistake(
        "gru-after-d-b-hn-overwritten",
        "backward",
        'd_b_hn += d_step["b_hn"]',
        'd_b_hn = d_step["b_hn"]',
        "The gradient of b_hn is overwritten at each step; only the first step's term is left.",
        "b_hn is used at every step: are its gradients replaced or added up?",
    ),
    Mistake(
        "gru-after-d-b-hn-mean",
        "backward",
        _D_B_HN,
        "d_b_hn = d_a_hn.mean(axis=0)",
        "The gradient of b_hn is a mean over the batch; every sequence adds its whole share.",
        "b_hn is added to every row of the batch: is its gradient the rows' sum or their mean?",
    ),
    Mistake(
        "gru-after-d-b-n-with-r",
        "backward",
        "d_b = d_a.sum(axis=1)",
        "d_b = np.stack([d_a_r, d_a_z, d_a_hn]).sum(axis=1)",
        "The gradient of b_n is multiplied by the reset gate r: it is that of the other bias, b_hn.",
        "Which of the two biases does r multiply?",
    ),
    Mistake(
        "gru-after-forward-reset-before",
        "forward",
        _A_N,
        "a_n = x_n + (r * h_prev) @ W_h[2] + b_hn",
        "The reset gate multiplies h_{t-1}; in this form it multiplies the product h_{t-1} W_hn + b_hn.",
        "Is it (r * h_prev) @ W_hn or r * (h_prev @ W_hn)?",
    ),
    Mistake(
        "gru-after-forward-b-hn-not-reset",
        "forward",
        _A_N,
        "a_n = x_n + r * (a_hn - b_hn) + b_hn",
        "The bias b_hn is outside the reset; in this form r multiplies it too.",
        "Does r multiply b_hn?",
    ),
    Mistake(
        "gru-after-forward-no-reset",
        "forward",
        _A_N,
        "a_n = x_n + a_hn",
        "The reset gate is left out of the candidate.",
        "Where does r enter n?",
    ),
    Mistake(
        "gru-after-forward-reset-over-all",
        "forward",
        _A_N,
        "a_n = r * (x_n + a_hn)",
        "The reset gate multiplies the candidate's whole pre-activation, the input's part included.",
        "Does r affect the input's part?",
    ),
    Mistake(
        "gru-after-forward-no-b-hn",
        "forward",
        _A_HN,
        "a_hn = h_prev @ W_h[2]",
        "The second bias b_hn is left out.",
        "How many biases does the candidate have in this form?",
    ),
)
