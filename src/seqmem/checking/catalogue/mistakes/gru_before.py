"""Mistakes in a gated recurrent unit whose reset gate is before the product."""

from __future__ import annotations

from seqmem.checking.catalogue.mistakes.gru import in_both_forms
from seqmem.checking.catalogue.mistakes.record import Mistake

_THROUGH_N = "through_n = d_reset_h * r"
_D_R = "d_r = d_reset_h * h_prev"
_D_RESET_H = "d_reset_h = d_a_n @ W_h[2].T"
_D_W_HN = "d_W_hn = reset_h.T @ d_a_n"
_A_N = "a_n = x_n + reset_h @ W_h[2]"

MISTAKES: tuple[Mistake, ...] = (
    *in_both_forms("gru-before"),
    Mistake(
        "gru-before-d-h-without-r",
        "backward",
        _THROUGH_N,
        "through_n = d_reset_h",
        "The candidate's path to h_{t-1} lacks the reset gate: W_hn multiplies r h_{t-1}, not h_{t-1}.",
        "What is the derivative of r * h_prev with respect to h_prev?",
    ),
    Mistake(
        "gru-before-r-on-the-wrong-side",
        "backward",
        _THROUGH_N,
        "through_n = (d_a_n * r) @ W_h[2].T",
        "The candidate's path to h_{t-1} is reset before W_hn's transpose, as in the reset-after form.",
        "Going backward, which comes first: the product with W_hn or the reset?",
    ),
    Mistake(
        "gru-before-d-r-without-h-prev",
        "backward",
        _D_R,
        "d_r = d_reset_h",
        "The reset gate's gradient is not multiplied by h_{t-1}.",
        "What does r multiply?",
    ),
    Mistake(
        "gru-before-d-r-with-new-h",
        "backward",
        _D_R,
        "d_r = d_reset_h * ((1 - z) * h_prev + z * n)",
        "The reset gate's gradient uses h_t; the forward pass multiplies r by h_{t-1}.",
        "Which step's h does r multiply?",
    ),
    Mistake(
        "gru-before-d-r-of-reset-after",
        "backward",
        _D_R,
        "d_r = d_a_n * (h_prev @ W_h[2])",
        "The reset gate's gradient is that of the reset-after form, d_a_n (h_{t-1} W_hn).",
        "Does r multiply h_prev or the product of h_prev and W_hn?",
    ),
    Mistake(
        "gru-before-d-reset-h-without-transpose",
        "backward",
        _D_RESET_H,
        "d_reset_h = d_a_n @ W_h[2]",
        "The candidate's path is multiplied by W_hn, not by its transpose.",
        "W_hn is square, so the shapes do not warn you: which of its axes does d_a_n belong to?",
    ),
    Mistake(
        "gru-before-d-reset-h-from-d-n",
        "backward",
        _D_RESET_H,
        "d_reset_h = d_n @ W_h[2].T",
        "The gradient of r h_{t-1} comes from d_n and not from d_a_n: it skips the candidate's tanh.",
        "Is (r * h_prev) @ W_hn inside or outside the tanh?",
    ),
    Mistake(
        "gru-before-d-W-hn-without-r",
        "backward",
        _D_W_HN,
        "d_W_hn = h_prev.T @ d_a_n",
        "The gradient of W_hn uses h_{t-1}; the forward pass multiplies W_hn by r h_{t-1}.",
        "What exactly is to the left of W_hn?",
    ),
    Mistake(
        "gru-before-d-W-hn-of-reset-after",
        "backward",
        _D_W_HN,
        "d_W_hn = h_prev.T @ (d_a_n * r)",
        "The gradient of W_hn is that of the reset-after form: r multiplies d_a_n, not h_{t-1}.",
        "What exactly is to the left of W_hn?",
    ),
    Mistake(
        "gru-before-d-W-hn-overwritten",
        "backward",
        'd_W_h += d_step["W_h"]',
        'd_W_h[2] = 0\nd_W_h += d_step["W_h"]',
        "The gradient of W_hn is overwritten at each step; only the first step's term is left.",
        "W_hn is used at every step: are its gradients replaced or added up?",
    ),
    Mistake(
        "gru-before-d-W-hn-transposed",
        "backward",
        _D_W_HN,
        "d_W_hn = d_a_n.T @ reset_h",
        "The gradient of W_hn is transposed, which its square shape hides.",
        "Which axis of W_hn belongs to the reset state, and which to the candidate?",
    ),
    Mistake(
        "gru-before-forward-reset-after",
        "forward",
        _A_N,
        "a_n = x_n + r * (h_prev @ W_h[2])",
        "The reset gate multiplies the product h_{t-1} W_hn; in this form it multiplies h_{t-1} before it.",
        "Is it (r * h_prev) @ W_hn or r * (h_prev @ W_hn)?",
    ),
    Mistake(
        "gru-before-forward-no-reset",
        "forward",
        _A_N,
        "a_n = x_n + h_prev @ W_h[2]",
        "The reset gate is left out of the candidate.",
        "Where does r enter n?",
    ),
    Mistake(
        "gru-before-forward-reset-over-all",
        "forward",
        _A_N,
        "a_n = r * (x_n + h_prev @ W_h[2])",
        "The reset gate multiplies the candidate's whole pre-activation, the input's part included.",
        "Does r affect the input's part?",
    ),
)
