"""Mistakes in additive attention."""

from __future__ import annotations

from seqmem.checking.catalogue.mistakes.record import Mistake

_D_ALPHA = "d_alpha = d_alpha_of_context + d_weights.T"
_CENTRE = "centre = (alpha * d_alpha).sum(axis=0)"
_D_SCORES = "d_scores = alpha * (d_alpha - centre)"
_D_V = "d_v = (d_scores[:, :, None] * hidden).sum(axis=(0, 1))"
_D_HIDDEN = "d_hidden = d_scores[:, :, None] * v"
_D_A = "d_a = d_hidden * (1 - hidden**2)"
_D_B = "d_b = d_a.sum(axis=(0, 1))"
_D_W_K = "d_W_k = (keys.swapaxes(1, 2) @ d_a).sum(axis=0)"
_D_A_QUERY = "d_a_query = d_a.sum(axis=0)"
_D_QUERY = "d_query = d_a_query @ W_q.T"
_D_KEYS = "d_keys = d_keys_as_values + d_keys_as_scored"
_A = "a = query @ W_q + keys @ W_k + b"
_HIDDEN = "hidden = np.tanh(a)"
_SCORES = "scores = hidden @ v"
_ALPHA = "alpha = e / total"
_CONTEXT = "context = (alpha[:, :, None] * keys).sum(axis=0)"

_BACKWARD = (
    (
        "softmax-diagonal-only",
        _D_SCORES,
        "d_scores = alpha * (1 - alpha) * d_alpha",
        "The softmax's derivative is taken as α (1 - α), its diagonal; every weight depends on every score.",
        "What happens to the other weights when one score grows?",
    ),
    (
        "centring-missing",
        _D_SCORES,
        "d_scores = alpha * d_alpha",
        "The centring of the softmax's derivative is left out: the weighted mean Σ α d_α is not subtracted.",
        "All scores raised by the same amount change nothing: what must d_scores then sum to?",
    ),
    (
        "centring-unweighted",
        _CENTRE,
        "centre = d_alpha.mean(axis=0)",
        "The softmax's derivative subtracts the plain mean of d_α over the source, not that weighted by α.",
        "Which weights of the mean make d_scores sum to 0?",
    ),
    (
        "centring-by-sum",
        _CENTRE,
        "centre = d_alpha.sum(axis=0)",
        "The softmax's derivative subtracts the sum of d_α over the source without the weights α.",
        "Which weights of the sum make d_scores sum to 0?",
    ),
    (
        "centring-over-batch",
        _CENTRE,
        "centre = (alpha * d_alpha).sum(axis=1, keepdims=True)",
        "The softmax's centring sums over the batch; the softmax runs over the source positions.",
        "Over which axis do the weights sum to 1?",
    ),
    (
        "centring-over-all",
        _CENTRE,
        "centre = (alpha * d_alpha).sum()",
        "The softmax's centring sums over the source and the batch; each sequence has its own softmax.",
        "Does one sequence's gradient depend on another's?",
    ),
    (
        "softmax-derivative-missing",
        _D_SCORES,
        "d_scores = d_alpha",
        "The softmax's derivative is missing: the scores get the weights' gradient unchanged.",
        "What lies between the scores and the weights?",
    ),
    (
        "softmax-derivative-without-weight",
        _D_SCORES,
        "d_scores = d_alpha - centre",
        "The softmax's derivative lacks its factor α.",
        "How much does a weight near 0 change with its score?",
    ),
    (
        "softmax-derivative-negative",
        _D_SCORES,
        "d_scores = alpha * (centre - d_alpha)",
        "The softmax's derivative has the opposite sign.",
        "Does a weight grow or shrink with its own score?",
    ),
    (
        "d-weights-ignored",
        _D_ALPHA,
        "d_alpha = d_alpha_of_context",
        "The upstream gradient d_weights is ignored; only the context's gradient flows.",
        "The weights are an output as well: where does their gradient enter?",
    ),
    (
        "d-context-not-to-weights",
        _D_ALPHA,
        "d_alpha = d_weights.T",
        "The context's gradient does not reach the weights: the scorer learns nothing from it.",
        "The context is Σ α k: which two things does its gradient reach?",
    ),
    (
        "d-alpha-mean-over-keys",
        "d_alpha_of_context = (keys * d_context).sum(axis=2)",
        "d_alpha_of_context = (keys * d_context).mean(axis=2)",
        "The weights' gradient is a mean over the K features of key times d_context; it should be their sum.",
        "A weight multiplies all K features of its key: are their gradients added up or averaged?",
    ),
    (
        "d-keys-through-values-only",
        _D_KEYS,
        "d_keys = d_keys_as_values",
        "The keys' gradient comes only through the context; the path through the scores is missing.",
        "The keys are used twice: where besides the context?",
    ),
    (
        "d-keys-through-scores-only",
        _D_KEYS,
        "d_keys = d_keys_as_scored",
        "The keys' gradient comes only through the scores; the path through the context is missing.",
        "The keys are used twice: where besides the scorer?",
    ),
    (
        "d-keys-as-values-without-weights",
        "d_keys_as_values = alpha[:, :, None] * d_context",
        "d_keys_as_values = np.ones_like(alpha)[:, :, None] * d_context",
        "Each key gets the context's whole gradient; its weight α is missing.",
        "How much of a key is in the context?",
    ),
    (
        "d-keys-as-values-averaged",
        "d_keys_as_values = alpha[:, :, None] * d_context",
        "d_keys_as_values = np.full_like(alpha, 1 / len(alpha))[:, :, None] * d_context",
        "Each key gets the context's gradient divided by S, as if the context were the keys' plain mean.",
        "How much of a key is in the context?",
    ),
    (
        "tanh-derivative-missing",
        _D_A,
        "d_a = d_hidden",
        "The derivative of the scorer's tanh is missing.",
        "What lies between the scorer's pre-activation and its hidden layer?",
    ),
    (
        "tanh-derivative-plus",
        _D_A,
        "d_a = d_hidden * (1 + hidden**2)",
        "The derivative of the scorer's tanh is taken as 1 + hidden²; it is 1 - hidden².",
        "Can the slope of tanh be larger than 1?",
    ),
    (
        "tanh-derivative-without-square",
        _D_A,
        "d_a = d_hidden * (1 - hidden)",
        "The derivative of the scorer's tanh is taken as 1 - hidden, without the square.",
        "Tanh is odd, so its slope is the same at a and at -a: is 1 - hidden?",
    ),
    (
        "tanh-twice",
        _D_A,
        "d_a = d_hidden * (1 - np.tanh(hidden) ** 2)",
        "The derivative of tanh is taken at the hidden layer, which is a tanh already.",
        "What is the argument of the tanh in 1 - tanh(..)²?",
    ),
    (
        "tanh-derivative-of-sigmoid",
        _D_A,
        "d_a = d_hidden * hidden * (1 - hidden)",
        "The scorer's derivative is taken as hidden (1 - hidden), which is the sigmoid's.",
        "Which activation produced the hidden layer?",
    ),
    (
        "d-hidden-without-v",
        _D_HIDDEN,
        "d_hidden = d_scores[:, :, None] * np.ones_like(v)",
        "The hidden layer's gradient lacks the factor v.",
        "What does the scorer multiply its hidden layer by?",
    ),
    (
        "d-v-with-a",
        _D_V,
        "d_v = (d_scores[:, :, None] * np.arctanh(hidden)).sum(axis=(0, 1))",
        "The gradient of v uses the pre-activation; the forward pass multiplies v by its tanh.",
        "What is v multiplied by in the score?",
    ),
    (
        "d-v-with-weights",
        _D_V,
        "d_v = (alpha[:, :, None] * hidden).sum(axis=(0, 1))",
        "The gradient of v uses the weights α in place of the scores' gradient.",
        "Which gradient does the product hidden @ v receive?",
    ),
    (
        "d-v-with-d-alpha",
        _D_V,
        "d_v = (d_alpha[:, :, None] * hidden).sum(axis=(0, 1))",
        "The gradient of v is computed from the weights' gradient d_α: it skips the softmax.",
        "Is v applied before or after the softmax?",
    ),
    (
        "d-v-mean-over-source",
        _D_V,
        "d_v = (d_scores[:, :, None] * hidden).mean(axis=0).sum(axis=0)",
        "The gradient of v is a mean over the source positions; it should be their sum.",
        "v scores every position: are its gradients added up or averaged?",
    ),
    (
        "d-v-mean-over-batch",
        _D_V,
        "d_v = (d_scores[:, :, None] * hidden).sum(axis=0).mean(axis=0)",
        "The gradient of v is a mean over the batch; every sequence adds its whole share.",
        "v is shared by all sequences: are its gradients added up or averaged?",
    ),
    (
        "d-b-mean-over-source",
        _D_B,
        "d_b = d_a.mean(axis=0).sum(axis=0)",
        "The gradient of b is a mean over the source positions; it should be their sum.",
        "b is added at every position: are its gradients added up or averaged?",
    ),
    (
        "d-b-mean-over-batch",
        _D_B,
        "d_b = d_a.sum(axis=0).mean(axis=0)",
        "The gradient of b is a mean over the batch; every sequence adds its whole share.",
        "b is added to every row of the batch: is its gradient the rows' sum or their mean?",
    ),
    (
        "d-b-zero",
        _D_B,
        "d_b = np.zeros_like(v)",
        "The gradient of b is zero, as if b were added to the scores, where the softmax cancels it.",
        "Is b added inside the tanh or after it?",
    ),
    (
        "d-b-before-tanh",
        _D_B,
        "d_b = d_hidden.sum(axis=(0, 1))",
        "The gradient of b comes from the hidden layer's gradient: it skips the tanh.",
        "Is b added inside the tanh or after it?",
    ),
    (
        "d-W-k-first-position-only",
        _D_W_K,
        "d_W_k = keys[0].T @ d_a[0]",
        "The gradient of W_k uses only the first source position.",
        "At how many positions is W_k used?",
    ),
    (
        "d-W-k-with-context",
        _D_W_K,
        "d_W_k = (alpha[:, :, None] * keys).sum(axis=0).T @ d_a.sum(axis=0)",
        "The gradient of W_k uses the context; the forward pass multiplies W_k by each key.",
        "What is to the left of W_k?",
    ),
    (
        "d-W-k-mean-over-source",
        _D_W_K,
        "d_W_k = (keys.swapaxes(1, 2) @ d_a).mean(axis=0)",
        "The gradient of W_k is a mean over the source positions; it should be their sum.",
        "W_k is used at every position: are its gradients added up or averaged?",
    ),
    (
        "query-first-position-only",
        _D_A_QUERY,
        "d_a_query = d_a[0]",
        "The query's part uses only the first source position; the query is used at every position.",
        "At how many positions does the scorer use the query?",
    ),
    (
        "query-last-position-only",
        _D_A_QUERY,
        "d_a_query = d_a[-1]",
        "The query's part keeps only the last source position: `=` is used where `+=` is needed.",
        "At how many positions does the scorer use the query?",
    ),
    (
        "query-mean-over-source",
        _D_A_QUERY,
        "d_a_query = d_a.mean(axis=0)",
        "The query's part is a mean over the source positions; it should be their sum.",
        "The query is used at every position: are its gradients added up or averaged?",
    ),
    (
        "d-query-zero",
        _D_QUERY,
        "d_query = np.zeros_like(query)",
        "The query's gradient is zero: the decoder's state learns nothing through attention.",
        "How do the weights change when the query changes?",
    ),
    (
        "d-query-before-tanh",
        _D_QUERY,
        "d_query = d_hidden.sum(axis=0) @ W_q.T",
        "The query's gradient comes from the hidden layer's gradient: it skips the tanh.",
        "Does the query enter inside the tanh or after it?",
    ),
    (
        "d-W-q-mean-over-batch",
        "d_W_q = query.T @ d_a_query",
        "d_W_q = query.T @ d_a_query / len(query)",
        "The gradient of W_q is divided by the batch size B.",
        "Is a mean over the batch part of this forward pass?",
    ),
)
_FORWARD = (
    (
        "softmax-over-batch",
        _ALPHA,
        "alpha = e / e.sum(axis=1, keepdims=True)",
        "The softmax runs over the batch; it should run over the source positions.",
        "Over which axis do the weights sum to 1?",
    ),
    (
        "softmax-over-all",
        _ALPHA,
        "alpha = e / e.sum()",
        "The softmax is normalised over the source and the batch together.",
        "Do the weights of each sequence sum to 1?",
    ),
    (
        "softmax-not-normalised",
        _ALPHA,
        "alpha = e",
        "The softmax is not normalised: the weights are the exponentials themselves.",
        "Do the weights sum to 1 over the source?",
    ),
    (
        "sigmoid-for-softmax",
        _ALPHA,
        "alpha = 1 / (1 + np.exp(-scores))",
        "Each score goes through its own sigmoid; the weights are a softmax over the source.",
        "Do the weights sum to 1 over the source?",
    ),
    (
        "weights-without-softmax",
        _ALPHA,
        "alpha = scores",
        "The scores are used as weights; the softmax is left out.",
        "Can a weight be negative?",
    ),
    (
        "scorer-without-tanh",
        _HIDDEN,
        "hidden = a",
        "The scorer's tanh is left out; the query's part then cancels in the softmax.",
        "What makes the scorer more than a sum of two linear terms?",
    ),
    (
        "scorer-with-sigmoid",
        _HIDDEN,
        "hidden = 1 / (1 + np.exp(-a))",
        "The scorer's hidden layer goes through the sigmoid; it should go through tanh.",
        "Can the hidden layer be negative?",
    ),
    (
        "scorer-with-relu",
        _HIDDEN,
        "hidden = np.where(a.real > 0, a, 0)",
        "The scorer's hidden layer goes through relu; it should go through tanh.",
        "Can the hidden layer be negative?",
    ),
    (
        "scorer-without-bias",
        _A,
        "a = query @ W_q + keys @ W_k",
        "The scorer's bias b is left out.",
        "Which term of the scorer depends neither on the query nor on the key?",
    ),
    (
        "scorer-without-query",
        _A,
        "a = 0 * (query @ W_q) + keys @ W_k + b",
        "The query is left out of the scorer: the weights are the same at every decoder step.",
        "How does the scorer know which step of the decoder it is for?",
    ),
    (
        "scores-without-v",
        _SCORES,
        "scores = hidden.sum(axis=2)",
        "The scores sum the hidden layer without the weights v.",
        "What does the scorer multiply its hidden layer by?",
    ),
    (
        "scores-scaled",
        _SCORES,
        "scores = hidden @ v / np.sqrt(len(v))",
        "The scores are divided by the root of the width A, as in scaled dot-product attention.",
        "Which kind of attention divides by this root?",
    ),
    (
        "context-mean",
        _CONTEXT,
        "context = (alpha[:, :, None] * keys).mean(axis=0)",
        "The context is divided by S; the weights sum to 1 already.",
        "What is the context of S equal keys?",
    ),
    (
        "context-of-best-key",
        _CONTEXT,
        "context = keys[alpha.real.argmax(axis=0), np.arange(keys.shape[1])]",
        "The context is the key with the largest weight; it should be the weighted sum of all keys.",
        "Does a weight of 0.4 have any effect on the context?",
    ),
    (
        "context-unweighted",
        _CONTEXT,
        "context = keys.mean(axis=0)",
        "The context is the plain mean of the keys; the weights α are not used.",
        "How much of each key is in the context?",
    ),
)

MISTAKES: tuple[Mistake, ...] = (
    *(Mistake(f"attention-{code}", "backward", *rest) for code, *rest in _BACKWARD),
    *(Mistake(f"attention-forward-{code}", "forward", *rest) for code, *rest in _FORWARD),
)
