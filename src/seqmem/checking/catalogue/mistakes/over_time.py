"""Mistakes that every recurrent pass can contain: in the loop over time and in the sums over it."""

from __future__ import annotations

from seqmem.checking.catalogue.mistakes.record import Mistake

_IN_STEP = {  # what to say of a single step
    "loop-without-first-step": "All gradients are zero. Is the step backpropagated at all?",
    "d-W-h-of-last-state-at-first-step": (
        "The gradient of W_h uses the new h; the forward pass multiplies W_h by h_prev. "
        "Which h does the forward pass multiply by W_h?"
    ),
    "final-h-ignored": "The gradient of h, given from outside, is ignored. Where does it enter?",
    "carry-and-final-dropped": "The gradient of h, given from outside, is ignored. Where does it enter?",
    "d-h0-zero": "The gradient of h_prev is returned as zeros. Along which paths does h_prev reach h?",
    "d-h0-before-first-step": "The gradient of h_prev has passed through no step. How does h_prev reach h?",
    "grads-over-B": (
        "The gradients of the weights and biases are divided by the batch size B. "
        "Is a mean over the batch part of this step, or of the loss behind it?"
    ),
    "all-over-B": (
        "Every gradient is divided by the batch size B. "
        "Is a mean over the batch part of this step, or of the loss behind it?"
    ),
}


def over_time(
    name: str, bias_axis: int, grads: tuple[str, ...] = ("W_x", "W_h", "b"), last_h: str = "steps[-1][4]"
) -> tuple[Mistake, ...]:
    """Return the mistakes in the lines that all recurrent passes share; the codes begin with the pass's name.

    Args:
        name: the beginning of the codes.
        bias_axis: the batch axis of d_a, over which the bias's gradient is summed.
        grads: the names of the weights and biases.
        last_h: the last step's h, from the caches.
    """
    stem = name.replace("-", "_")
    given = 'd_hold_h["new"], d_hold_c["new"]' if name == "lstm" else 'd_hold["new"]'
    step = f"d_step = {stem}_step_backward({given}, steps[t])"
    first = f"{stem}_step_backward({given}, (steps[t][0], {last_h}, *steps[t][2:]))"
    sums = ", ".join(f"d_{grad}" for grad in grads)
    zeros = ", ".join(f"0 * d_{grad}" for grad in grads)
    carried = "d_h = d_h + d_hs[t]"
    bias = f"d_b = d_a.sum(axis={bias_axis})"
    made = "return d_inputs | grads"
    table = (
        (
            "loop-forwards",
            "for t in reversed(range(T)):",
            "for t in range(T):",
            "The backward loop runs from the first step to the last; gradients flow the other way.",
            "Which step's gradient has to be known before step t's can be computed?",
        ),
        (
            "loop-without-first-step",
            "for t in reversed(range(T)):",
            "for t in reversed(range(1, T)):",
            "The backward loop stops before t = 0: the first step has no share in any gradient.",
            "What is the last t that the backward loop reaches? range excludes its stop.",
        ),
        (
            "cache-of-previous-step",
            step,
            step.replace("steps[t]", "steps[t - 1]"),
            "Step t is backpropagated with the cache of step t - 1, and step 0 with the last one.",
            "Which cache did the forward pass create at step t? Check t = 0.",
        ),
        (
            "caches-in-forward-order",
            step,
            step.replace("steps[t]", "steps[T - 1 - t]"),
            "The caches are read from the first step on while the backward loop runs from the last.",
            "When the loop is at step t, which step's cache does it read?",
        ),
        (
            "d-W-h-of-last-state-at-first-step",
            'd_W_h += d_step["W_h"]',
            f'd_W_h += d_step["W_h"] if t else {first}["W_h"]',
            "At t = 0 the gradient of W_h is taken with the last state, not with h0: hs[t - 1] is hs[-1].",
            "Which element does an index of -1 refer to?",
        ),
        (
            "grads-overwritten",
            'd_W_x += d_step["W_x"]',
            f'{sums} = {zeros}\nd_W_x += d_step["W_x"]',
            "All gradients of weights and biases are overwritten at each step; only step 0's terms are left.",
            "The weights are used at every step: are their gradients replaced or added up?",
        ),
        (
            "carry-dropped",
            carried,
            "d_h = d_h + d_hs[t] if t == T - 1 else d_hs[t]",
            "The gradient d_h that comes back from step t + 1 is dropped; each step sees only its d_hs[t].",
            "h of step t is used twice, as an output and by step t + 1: what does its second use contribute?",
        ),
        (
            "final-h-ignored",
            carried,
            "d_h = d_h + d_hs[t] if t < T - 1 else d_hs[t]",
            "The gradient of the final state h, given from outside, is ignored: d_h starts at zero.",
            "The final h is an output as well: what is d_h before the loop?",
        ),
        (
            "carry-and-final-dropped",
            carried,
            "d_h = d_hs[t]",
            "Every step overwrites d_h with d_hs[t]; the carried and the final state's gradients are lost.",
            "Is d_h replaced at step t, or added to?",
        ),
        (
            "carry-truncated",
            carried,
            "d_h = d_h + d_hs[t] if t != T - 3 else d_hs[t]",
            "The carried gradient d_h is cut after two steps; earlier steps get nothing from later ones.",
            "How many steps back does a gradient reach? Is d_h reset at any step?",
        ),
        (
            "upstream-ignored",
            carried,
            "d_h = d_h",
            "The gradient d_hs[t] of each step's output is ignored; only the final state's gradient flows.",
            "Where does a loss on the output of step t enter the backward loop?",
        ),
        (
            "upstream-of-last-step-only",
            carried,
            "d_h = d_h + d_hs[t] if t == T - 1 else d_h",
            "Only the last step's d_hs enters; the gradients of the earlier outputs are ignored.",
            "Is d_hs[t] added inside the loop, or once before it?",
        ),
        (
            "upstream-of-last-step-always",
            carried,
            "d_h = d_h + d_hs[-1]",
            "The last step's d_hs is added at every step t in place of d_hs[t].",
            "Which row of d_hs belongs to step t?",
        ),
        (
            "upstream-off-by-one",
            carried,
            "d_h = d_h + d_hs[t - 1]",
            "Step t adds d_hs of step t - 1: the outputs' gradients are shifted by one step.",
            "Which row of d_hs belongs to hs[t]? Check t = 0.",
        ),
        (
            "upstream-reversed",
            carried,
            "d_h = d_h + d_hs[T - 1 - t]",
            "The outputs' gradients d_hs are read from the first step on while the loop runs from the last.",
            "When the loop is at step t, which row of d_hs does it add?",
        ),
        (
            "upstream-twice",
            carried,
            "d_h = d_h + d_hs[t] + d_hs[t]",
            "The gradient d_hs[t] of a step's output is added twice.",
            "Is d_hs[t] added in more than one place?",
        ),
        (
            "d-h0-zero",
            "d_h0 = d_h",
            "d_h0 = np.zeros_like(d_h)",
            "The gradient of the initial state h0 is returned as zeros.",
            "What is left in d_h when the loop has passed the first step?",
        ),
        (
            "d-h0-before-first-step",
            "d_h0 = d_h",
            "d_h0 = d_hs[0]",
            "The gradient of h0 is the upstream gradient of the first output; it has passed through no step.",
            "h0 goes into the first step, hs[0] comes out of it: which product lies between them?",
        ),
        (
            "d-xs-reversed",
            'd_xs[t] = d_step["x"]',
            'd_xs[T - 1 - t] = d_step["x"]',
            "The inputs' gradients d_xs are in the order of the backward loop, the last step's first.",
            "In which order does the backward loop reach the steps, and in which does d_xs hold them?",
        ),
        (
            "d-W-x-overwritten",
            'd_W_x += d_step["W_x"]',
            'd_W_x = d_step["W_x"]',
            "d_W_x is overwritten at each step; only the first step's term is left when the loop ends.",
            "W_x is used at every step: are its gradients replaced or added up?",
        ),
        (
            "d-b-overwritten",
            'd_b += d_step["b"]',
            'd_b = d_step["b"]',
            "d_b is overwritten at each step; only the first step's term is left when the loop ends.",
            "b is used at every step: are its gradients replaced or added up?",
        ),
        (
            "d-b-mean",
            bias,
            f"d_b = d_a.mean(axis={bias_axis})",
            "The bias's gradient d_b is a mean over the batch; every sequence adds its whole share.",
            "b is added to every row of the batch: is its gradient the rows' sum or their mean?",
        ),
        (
            "d-b-summed-over-all",
            bias,
            f"d_b = np.full_like(d_a.sum(axis={bias_axis}), d_a.sum())",
            "The bias's gradient d_b is summed over all axes: every entry gets the same number.",
            "Which axes does d_a have that b does not have?",
        ),
        (
            "d-b-one-sequence",
            bias,
            f"d_b = d_a.take(0, axis={bias_axis})",
            "The bias's gradient d_b uses only the first sequence of the batch.",
            "Over which axis is d_a summed to get b's shape?",
        ),
        (
            "grads-over-B",
            made,
            "return d_inputs | {name: grad / len(d_h) for name, grad in grads.items()}",
            "The gradients of the weights and biases are divided by the batch size B.",
            "Is a mean over the batch part of this forward pass, or of the loss that gives you d_hs?",
        ),
        (
            "grads-over-T",
            made,
            "return d_inputs | {name: grad / T for name, grad in grads.items()}",
            "The gradients of the weights and biases are divided by the number of steps T.",
            "A weight that is used at T steps: is its gradient the sum of T terms or their mean?",
        ),
        (
            "all-over-B",
            made,
            "return {name: grad / len(d_h) for name, grad in (d_inputs | grads).items()}",
            "Every gradient is divided by the batch size B.",
            "Is a mean over the batch part of this forward pass, or of the loss that gives you d_hs?",
        ),
        (
            "all-negative",
            made,
            "return {name: -grad for name, grad in (d_inputs | grads).items()}",
            "Every gradient has the opposite sign.",
            "Is this the derivative itself, or already the step in the opposite direction?",
        ),
        (
            "grads-doubled",
            made,
            "return d_inputs | {name: 2 * grad for name, grad in grads.items()}",
            "The gradients of the weights and biases are doubled, as if they were kept from an earlier call.",
            "Do the sums start at zero in every call?",
        ),
    )
    in_step = dict(_IN_STEP)
    if not name.startswith("gru"):  # the others have a mistake of the step that comes to the same
        del in_step["d-W-h-of-last-state-at-first-step"]
    return tuple(
        Mistake(f"{name}-{code}", "backward", line, becomes, message, hint, in_step.get(code, ""))
        for code, line, becomes, message, hint in table
    )
