"""Mistakes in a gated recurrent unit, wherever its reset gate is."""

from __future__ import annotations

from seqmem.checking.catalogue.mistakes.over_time import over_time
from seqmem.checking.catalogue.mistakes.record import Mistake

_D_Z = "d_z = d_h * (n - h_prev)"
_D_N = "d_n = d_h * z"
_DIRECT = "direct = d_h * (1 - z)"
_D_A_N = "d_a_n = d_n * (1 - n**2)"
_D_A_Z = "d_a_z = d_z * z * (1 - z)"
_D_A_R = "d_a_r = d_r * r * (1 - r)"
_D_A = "d_a = np.stack([d_a_r, d_a_z, d_a_n])"
_D_X = "d_x = (d_a @ W_x.transpose(0, 2, 1)).sum(axis=0)"
_D_H = "d_h_prev = direct + through_n + through_z + through_r"
_D_W_H = "d_W_hz = h_prev.T @ d_a_z"
_PARTS = "x_r, x_z, x_n = a_x"
_H = "h = (1 - z) * h_prev + z * n"
_N = "n = np.tanh(a_n)"
_LAST_H = "(1 - steps[-1][5]) * steps[-1][1] + steps[-1][5] * steps[-1][6]"
_JOINED = (  # the gates' share of the gradient of [h, x]; the candidate has a product of its own
    "d_x = (d_a @ W_x.transpose(0, 2, 1)).sum(axis=0)\n"
    "d_joined = [through_r + through_z, (d_a[:2] @ W_x[:2].transpose(0, 2, 1)).sum(axis=0)]\n"
)
_NEW_H = "((1 - z) * h_prev + z * n)"  # h of this step, which the backward pass has no use for


def in_both_forms(name: str, grads: tuple[str, ...] = ("W_x", "W_h", "b")) -> tuple[Mistake, ...]:
    """Return the mistakes in the lines that both forms share; the codes begin with the pass's name.

    Args:
        name: the beginning of the codes.
        grads: the names of the weights and biases.
    """
    backward = (
        (
            "z-exchanged-in-d-z",
            _D_Z,
            "d_z = d_h * (h_prev - n)",
            "The update gate's gradient has the wrong sign: it is taken as if z = 1 kept the old state.",
            "Which of n and h_prev does z multiply, and which does 1 - z?",
        ),
        (
            "d-z-without-h-prev",
            _D_Z,
            "d_z = d_h * n",
            "The update gate's gradient contains only n; z is also in the term (1 - z) h_{t-1}.",
            "How many times does z occur in h = (1 - z) h_prev + z n?",
        ),
        (
            "d-z-without-n",
            _D_Z,
            "d_z = -d_h * h_prev",
            "The update gate's gradient contains only h_{t-1}; z is also in the term z n.",
            "How many times does z occur in h = (1 - z) h_prev + z n?",
        ),
        (
            "d-z-plus",
            _D_Z,
            "d_z = d_h * (n + h_prev)",
            "The update gate's gradient adds h_{t-1}; the minus sign of 1 - z is lost.",
            "What is the derivative of 1 - z with respect to z?",
        ),
        (
            "d-z-with-new-h",
            _D_Z,
            f"d_z = d_h * (n - {_NEW_H})",
            "The update gate's gradient uses h_t; the forward pass mixes n with h_{t-1}.",
            "Which step's h does 1 - z multiply?",
        ),
        (
            "d-n-with-1-z",
            _D_N,
            "d_n = d_h * (1 - z)",
            "The candidate's gradient is multiplied by 1 - z; the forward pass multiplies n by z.",
            "What is n multiplied by in h = (1 - z) h_prev + z n?",
        ),
        (
            "d-n-without-z",
            _D_N,
            "d_n = d_h",
            "The candidate's gradient is not multiplied by the update gate z.",
            "How much of n goes into h?",
        ),
        (
            "direct-with-z",
            _DIRECT,
            "direct = d_h * z",
            "The direct path from h_t to h_{t-1} is multiplied by z; the forward pass multiplies by 1 - z.",
            "How much of h_prev does h keep?",
        ),
        (
            "direct-without-d-h",
            _DIRECT,
            "direct = 1 - z",
            "The direct path adds 1 - z to the carried gradient without multiplying it by d_h.",
            "What does the direct path carry where the upstream gradient is zero?",
        ),
        (
            "direct-without-gate",
            _DIRECT,
            "direct = d_h",
            "The direct path passes on all of d_h; the factor 1 - z is missing.",
            "How much of h_prev does h keep?",
        ),
        (
            "direct-missing",
            _D_H,
            "d_h_prev = through_n + through_z + through_r",
            "The direct path (1 - z) d_h is missing from the gradient of h_{t-1}.",
            "Is there a path from h_prev to h without a matrix?",
        ),
        (
            "path-through-n-missing",
            _D_H,
            "d_h_prev = direct + through_z + through_r",
            "The path through the candidate n is missing from the gradient of h_{t-1}.",
            "Along how many paths does h_prev reach h?",
        ),
        (
            "path-through-z-missing",
            _D_H,
            "d_h_prev = direct + through_n + through_r",
            "The path through the update gate z is missing from the gradient of h_{t-1}.",
            "Along how many paths does h_prev reach h?",
        ),
        (
            "path-through-r-missing",
            _D_H,
            "d_h_prev = direct + through_n + through_z",
            "The path through the reset gate r is missing from the gradient of h_{t-1}.",
            "Along how many paths does h_prev reach h?",
        ),
        (
            "paths-through-gates-missing",
            _D_H,
            "d_h_prev = direct",
            "Only the direct path is left in the gradient of h_{t-1}; those through r, z and n are missing.",
            "Along how many paths does h_prev reach h?",
        ),
        (
            "sigmoid-derivatives-missing-towards-h",
            _D_H,
            "d_h_prev = direct + through_n + d_z @ W_h[1].T + d_r @ W_h[0].T",
            "The derivatives of both sigmoids are missing towards h_{t-1}; the weights have them.",
            "Which gradient do the weights get: that of the gates, or that of their pre-activations?",
        ),
        (
            "sigmoid-derivatives-missing-towards-x-and-h",
            _D_X,
            "d_gates = np.stack([d_r, d_z])\n"
            "d_x = d_a[2] @ W_x[2].T + (d_gates @ W_x[:2].transpose(0, 2, 1)).sum(axis=0)\n"
            "d_h_prev = d_h_prev - through_r - through_z\n"
            "d_h_prev = d_h_prev + (d_gates @ W_h[:2].transpose(0, 2, 1)).sum(axis=0)",
            "The derivatives of both sigmoids are missing towards x and h_{t-1}; the weights have them.",
            "Which gradient do the weights get: that of the gates, or that of their pre-activations?",
        ),
        (
            "tanh-derivative-missing",
            _D_A_N,
            "d_a_n = d_n",
            "The derivative of the candidate's tanh is missing.",
            "What lies between the candidate's pre-activation and n?",
        ),
        (
            "tanh-derivative-plus",
            _D_A_N,
            "d_a_n = d_n * (1 + n**2)",
            "The derivative of the candidate's tanh is taken as 1 + n²; it is 1 - n².",
            "Can the slope of tanh be larger than 1?",
        ),
        (
            "tanh-derivative-without-square",
            _D_A_N,
            "d_a_n = d_n * (1 - n)",
            "The derivative of the candidate's tanh is taken as 1 - n, without the square.",
            "Tanh is odd, so its slope is the same at a and at -a: is 1 - n?",
        ),
        (
            "tanh-derivative-of-sigmoid",
            _D_A_N,
            "d_a_n = d_n * n * (1 - n)",
            "The candidate's derivative is taken as n (1 - n), which is the sigmoid's; n is a tanh.",
            "Which activation produced n?",
        ),
        (
            "tanh-twice",
            _D_A_N,
            "d_a_n = d_n * (1 - np.tanh(n) ** 2)",
            "The derivative of tanh is taken at n, which is a tanh already: tanh is applied twice.",
            "What is the argument of the tanh in 1 - tanh(..)², and is n that argument?",
        ),
        (
            "sigmoid-derivative-of-z-missing",
            _D_A_Z,
            "d_a_z = d_z",
            "The derivative of the update gate's sigmoid, z (1 - z), is missing.",
            "What lies between the update gate's pre-activation and z?",
        ),
        (
            "sigmoid-for-its-derivative-in-z",
            _D_A_Z,
            "d_a_z = d_z * z",
            "The update gate's gradient is multiplied by z, the sigmoid itself, not by z (1 - z).",
            "Which factor goes to 0 when the gate is fully open?",
        ),
        (
            "sigmoid-twice-in-z",
            _D_A_Z,
            "d_a_z = d_z * sigmoid(z) * (1 - sigmoid(z))",
            "The sigmoid is applied to the update gate z once more before its derivative is taken.",
            "Is z a pre-activation or an activated gate?",
        ),
        (
            "sigmoid-derivative-of-r-missing",
            _D_A_R,
            "d_a_r = d_r",
            "The derivative of the reset gate's sigmoid, r (1 - r), is missing.",
            "What lies between the reset gate's pre-activation and r?",
        ),
        (
            "sigmoid-for-its-derivative-in-r",
            _D_A_R,
            "d_a_r = d_r * r",
            "The reset gate's gradient is multiplied by r, the sigmoid itself, not by r (1 - r).",
            "Which factor goes to 0 when the gate is fully open?",
        ),
        (
            "sigmoid-twice-in-r",
            _D_A_R,
            "d_a_r = d_r * sigmoid(r) * (1 - sigmoid(r))",
            "The sigmoid is applied to the reset gate r once more before its derivative is taken.",
            "Is r a pre-activation or an activated gate?",
        ),
        (
            "d-r-zero",
            _D_A_R,
            "d_a_r = np.zeros_like(r)",
            "The reset gate gets no gradient: d_a_r is zero.",
            "How does the candidate change when r changes?",
        ),
        (
            "gradients-in-order-z-r-n",
            _D_A,
            "d_a = np.stack([d_a_z, d_a_r, d_a_n])",
            "The gates' gradients d_a are stacked as z, r, n; the weights are stacked as r, z, n.",
            "What is the order of the blocks of W_x?",
        ),
        (
            "d-x-without-n",
            _D_X,
            "d_x = (d_a[:2] @ W_x[:2].transpose(0, 2, 1)).sum(axis=0)",
            "The gradient of x lacks the candidate's part; only r and z contribute.",
            "How many pre-activations does x go into?",
        ),
        (
            "d-x-from-n-only",
            _D_X,
            "d_x = d_a[2] @ W_x[2].T",
            "The gradient of x comes only from the candidate; the parts of r and z are missing.",
            "How many pre-activations does x go into?",
        ),
        (
            "d-hx-taken-apart-as-xh",
            _D_X,
            _JOINED + "d_joined = np.concatenate(d_joined, axis=1)\n"
            "D, H = x.shape[1], h_prev.shape[1]\n"
            "d_x = d_x + d_joined[:, :D] - d_joined[:, H:]\n"
            "d_h_prev = d_h_prev + d_joined[:, D:] - d_joined[:, :H]",
            "The gates' gradient of the joined [h, x] is split as [x, h].",
            "In which order does the forward pass join h and x, and which columns are x's then?",
        ),
        (
            "d-xh-taken-apart-as-hx",
            _D_X,
            _JOINED + "d_joined = np.concatenate(d_joined[::-1], axis=1)\n"
            "D, H = x.shape[1], h_prev.shape[1]\n"
            "d_x = d_x + d_joined[:, H:] - d_joined[:, :D]\n"
            "d_h_prev = d_h_prev + d_joined[:, :H] - d_joined[:, D:]",
            "The gates' gradient of the joined [x, h] is split as [h, x].",
            "In which order does the forward pass join x and h, and which columns are h's then?",
        ),
        (
            "d-z-through-weights-of-r",
            "through_z = d_a_z @ W_h[1].T",
            "through_z = d_a_z @ W_h[0].T\nW_x = W_x[[0, 0, 2]]",
            "The update gate's gradient goes back to x and h_{t-1} through the reset gate's weights.",
            "Which weights does z have in the forward pass?",
        ),
        (
            "d-r-through-weights-of-z",
            "through_r = d_a_r @ W_h[0].T",
            "through_r = d_a_r @ W_h[1].T\nW_x = W_x[[1, 1, 2]]",
            "The reset gate's gradient goes back to x and h_{t-1} through the update gate's weights.",
            "Which weights does r have in the forward pass?",
        ),
        (
            "sigmoid-derivative-of-r-in-z",
            _D_A_Z,
            "d_a_z = d_z * r * (1 - r)",
            "The update gate's gradient is multiplied by r (1 - r), the reset gate's derivative.",
            "Which gate's pre-activation does d_a_z belong to?",
        ),
        (
            "sigmoid-derivative-of-z-in-r",
            _D_A_R,
            "d_a_r = d_r * z * (1 - z)",
            "The reset gate's gradient is multiplied by z (1 - z), the update gate's derivative.",
            "Which gate's pre-activation does d_a_r belong to?",
        ),
        (
            "d-h-through-z-without-transpose",
            "through_z = d_a_z @ W_h[1].T",
            "through_z = d_a_z @ W_h[1]",
            "The update gate's path to h_{t-1} is multiplied by W_hz, not by its transpose.",
            "W_hz is square, so the shapes do not warn you: which of its axes does d_a_z belong to?",
        ),
        (
            "d-h-through-r-without-transpose",
            "through_r = d_a_r @ W_h[0].T",
            "through_r = d_a_r @ W_h[0]",
            "The reset gate's path to h_{t-1} is multiplied by W_hr, not by its transpose.",
            "W_hr is square, so the shapes do not warn you: which of its axes does d_a_r belong to?",
        ),
        (
            "d-W-hz-with-new-h",
            _D_W_H,
            f"d_W_hz = {_NEW_H}.T @ d_a_z",
            "The gradient of W_hz uses h_t; the forward pass multiplies W_hz by h_{t-1}.",
            "Which h does the forward pass multiply by W_hz at step t?",
        ),
        (
            "d-W-hr-with-new-h",
            "d_W_hr = h_prev.T @ d_a_r",
            f"d_W_hr = {_NEW_H}.T @ d_a_r",
            "The gradient of W_hr uses h_t; the forward pass multiplies W_hr by h_{t-1}.",
            "Which h does the forward pass multiply by W_hr at step t?",
        ),
        (
            "d-W-hz-transposed",
            _D_W_H,
            "d_W_hz = d_a_z.T @ h_prev",
            "The gradient of W_hz is transposed, which its square shape hides.",
            "Which axis of W_hz belongs to h_prev, and which to the gate?",
        ),
        (
            "d-W-hz-overwritten",
            'd_W_h += d_step["W_h"]',
            'd_W_h[1] = 0\nd_W_h += d_step["W_h"]',
            "The gradient of W_hz is overwritten at each step; only the first step's term is left.",
            "W_hz is used at every step: are its gradients replaced or added up?",
        ),
    )
    forward = (
        (
            "z-keeps",
            _H,
            "h = z * h_prev + (1 - z) * n",
            "z and 1 - z are exchanged in the state: z = 1 keeps the old state here, and should write.",
            "What is h when z is 1: the candidate or the old state?",
        ),
        (
            "without-1-z",
            _H,
            "h = h_prev + z * n",
            "The old state is kept whole; the factor 1 - z is missing.",
            "Do the shares of the old state and of the candidate sum to 1?",
        ),
        (
            "without-z",
            _H,
            "h = n",
            "The state is just the candidate; the update gate z is never used.",
            "Where does z enter h?",
        ),
        (
            "order-z-r-n",
            _PARTS,
            "x_z, x_r, x_n = a_x",
            "The input's blocks are read in the order z, r, n; W_x and b are stacked as r, z, n.",
            "Which gate does W_x[0] belong to?",
        ),
        (
            "candidate-with-sigmoid",
            _N,
            "n = sigmoid(a_n)",
            "The candidate n goes through the sigmoid; it should go through tanh.",
            "Can the candidate be negative?",
        ),
        (
            "candidate-without-tanh",
            _N,
            "n = a_n",
            "The candidate's tanh is left out.",
            "What keeps n between -1 and 1?",
        ),
        (
            "candidate-with-relu",
            _N,
            "n = np.where(a_n.real > 0, a_n, 0)",
            "The candidate n goes through relu; it should go through tanh.",
            "Can the candidate be negative?",
        ),
        (
            "no-bias",
            "a_x = x @ W_x + b[:, None]",
            "a_x = x @ W_x + 0 * b[:, None]",
            "The forward pass leaves the bias b out.",
            "Which term of a pre-activation depends neither on x nor on h_prev?",
        ),
        (
            "gates-without-h-prev",
            "a_z = x_z + h_prev @ W_h[1]",
            "a_z = x_z",
            "The update gate z does not look at h_{t-1}.",
            "What are the two inputs of every gate?",
        ),
        (
            "h0-ignored",
            "h = h0",
            "h = np.zeros_like(h0)",
            "The forward pass starts from zeros and ignores the initial state h0.",
            "What is h_prev at the first step?",
            "The forward pass takes zeros for h_prev. What do the gates look at?",
        ),
    )
    return (
        *over_time(name, 1, grads, _LAST_H),
        *(Mistake(f"{name}-{code}", "backward", *rest) for code, *rest in backward),
        *(Mistake(f"{name}-forward-{code}", "forward", *rest) for code, *rest in forward),
    )
