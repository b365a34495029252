"""The meaning of names: inputs, states, weights, sizes, caches and upstream gradients."""

from __future__ import annotations

import re

_CACHES = re.compile(
    r"^(\w*cache\w*|memory|memo|tape|ctx|context|saved\w*|intermediates?|store\w*|history|stash|forward_\w+|fwd_\w+|"
    r"residuals?|states_and_gates|vals|values_?|aux|stuff|tmp|record\w*|trace\w*|activations_cache)$",
    re.I,
)
_UPSTREAM = re.compile(
    r"^_?(d_?l_?d\w+|d_?out\w*|d_?y\w*|delta\w*|(accum_)?grad\w*|up_?stream\w*|g_?out\w*|error\w*|err|diff_\w+|top_\w+|"
    r"\w+_(grad|diff|delta|bar)|d_\w+|d[A-Z]\w*|d[a-z]\w*|g[A-Z]\w*|g)$"
)
_NO_UPSTREAM = re.compile(
    r"^(data\w*|dim\w*|depth|dtype|device|decay\w*|debug|d_model|d_k|d_v|d_ff|dict\w*|dropout\w*|drop\w*|delta_t|dt_\w+|"
    r"dataset|digits?|dst|down\w*|direction\w*|dilation|grads?|gradients?|default\w*|deep|diff|decoder\w*)$",
    re.I,
)
_SIZES = {
    "B": r"(n|m|b|batch(_?size)?|bs|n_samples|num_samples|n_batch)",
    "T": r"(t|seq_?len(gth)?|n_?steps|steps|t_?steps|time_?steps|max_?len(gth)?|n_?seq|num_?steps|t_x)",
    "D": r"(d|n_?in(puts?)?|input_?(size|dim|width|features|shape)|in_?(dim|size|features|channels)|"
    r"x_?(dim|size)|n_x|"
    r"(num|n)_?features|feature_?dim|word_?dim|insize|n_?feat|x_size|n_dim|dim|fan_in|size|num_features|"
    r"normalized_shape|channels)",
    "H": r"(h|n_?hidden|hidden(_?(size|dim|units|nodes|layer))?s?|h_?(size|dim)|n_?h|n_?a|"
    r"units|num_?units|cells|"
    r"mem_cell_ct|state_?(width|size|dim)|n_?units|out_?(dim|size|features|channels)|output_?(size|dim|features)|n_?out|"
    r"rnn_size|size_h|outsize|cell_?(size|dim)|attention_?(size|dim)|num_hidden|hid\w*|fan_out|d_?model|n_?embd|embed\w*)",
    "V": r"(v|vocab(ulary)?(_?(size|dim|len))?|n_?vocab|n_?y|n_?classes|num_?classes|k|n_?words|classes)",
}
_SIZE_RES = {letter: re.compile(f"^{pattern}$", re.I) for letter, pattern in _SIZES.items()}
_FLAGS = re.compile(
    r"^(is_?)?(train(ing)?(_mode)?|verbose|test(ing)?|debug|inference|return_\w+|keep|stateful|train_flg|bidirectional)$",
    re.I,
)
_LABELS = re.compile(
    r"^(y|t|target\w*|label\w*|y_?(true|truth|train|batch|hat_true)|truth|captions?_out|ground_?truth|ys|ts|gold|answers?|next\w*)$",
    re.I,
)
_TOKENS = re.compile(
    r"^(ids?|idx|tokens?|indices|index|words?|captions?\w*|corpus|contexts?_?ids?|word_?ids?|inputs_idx|sentence\w*|sequence_ids)$",
    re.I,
)
_MASKS = re.compile(r"^(mask\w*|\w*_mask)$", re.I)
_RATES = re.compile(r"^(lr|learn(ing)?_?rate|rate|alpha|eta|step_?size|l_?rate)$", re.I)
_SCALARS = re.compile(
    r"^(lr|learn(ing)?_?rate|rate|alpha|eta|step_?size|reg\w*|lambda\w*|lambd|eps\w*|beta\d|momentum|mu|p|keep_?prob|"
    r"drop(out)?_?(ratio|rate|prob|p)?|temperature|tau|decay\w*|rho|scale|slope|clip\w*|threshold|max_?norm|limit|margin|"
    r"l1|l2|weight_decay|weight_scale|std\w*|sigma)$",
    re.I,
)
_STATES = re.compile(
    r"^(h|c|a|s|m)(_?(0|prev\w*|init\w*|past|tm1|t_1|old|last|next|before|in|t|state))?$|^(prev|old|last|init\w*|past)_?"
    r"(h|c|a|s|state|cell|hidden\w*|memory)$|^(hidden|cell|state|memory)(_?(state|prev|0|init|t|in))?$|^[hcas]_?prev\w*$|"
    r"^(h|c|s)_?(below|in|tm\d)$|^before$|^(s|h|c)_before$|^old_(h|cell)$",
    re.I,
)
_INPUTS = re.compile(
    r"^(x\w*|inputs?|inp|data|features?|in_?data|z|a|seq\w*|embedded|logits?|scores?|pred\w*|y_?(pred|hat|out)|out\w*|"
    r"query|keys?|values?|hs|enc\w*|encoder\w*|annotations)$",
    re.I,
)
_LETTERS = re.compile(r"^[uvqk]$")
_WEIGHTS = re.compile(
    r"^([WUVwuvEKk]|weights?|kernel|theta|embedding\w*)(_?[A-Za-z0-9]{0,8})?(_[a-z0-9]{1,6})?$"
)
_BIASES = re.compile(
    r"^(b|bias\w*|beta|gamma|gain|g|scale|shift|running_\w+|moving_\w+|B)(_?[A-Za-z0-9]{0,6})?(_[a-z0-9]{1,4})?$"
)

Role = str


def role(name: str, place: str = "arg") -> Role:
    """Return the likely role of a parameter of a forward pass: "weight", "bias", "state", "labels" and so on.

    Args:
        name: the name of the parameter.
        place: the kind of place; for a key of a dictionary of parameters, b and s are not a batch or a size.
    """
    tests = (
        ("flag", _FLAGS),
        ("mask", _MASKS),
        ("scalar", _SCALARS),
        ("state", _STATES),
        ("tokens", _TOKENS),
        ("labels", _LABELS),
    )
    if place in ("key", "item") and name in ("c", "by", "d"):
        return "bias"
    if place in ("init", "make") and size_letter(name) and name not in ("b", "h0"):
        return "size"
    first = next((found for found, pattern in tests if pattern.match(name)), "")
    if first:
        return first
    if (
        place not in ("key", "item")
        and name not in ("a", "x", "d", "n", "h", "t", "b", "v", "k", "u", "m", "W")
        and size_letter(name)
    ):
        return "size"
    later = (("input", _LETTERS), ("input", _INPUTS), ("bias", _BIASES), ("weight", _WEIGHTS))
    return next((found for found, pattern in later if pattern.match(name)), "")


def size_letter(name: str) -> str:
    """Return the axis whose length a name stands for, or ""."""
    found = next((letter for letter, pattern in _SIZE_RES.items() if pattern.match(name)), "")
    return found or ("D" if re.match(r"^\w+_(size|dim|width|len|features)$", name) else "")


def is_cache(name: str) -> bool:
    """Return whether a parameter of a backward pass is the forward pass's cache."""
    return bool(_CACHES.match(name))


def is_upstream(name: str) -> bool:
    """Return whether a parameter of a backward pass is an upstream gradient."""
    return (bool(_UPSTREAM.match(name)) and not _NO_UPSTREAM.match(name)) or name in (
        "d",
        "grad",
        "dout",
        "delta",
        "gradient",
        "diff",
    )


def is_rate(name: str) -> bool:
    """Return whether a name is a learning rate."""
    return bool(_RATES.match(name))


def plain(name: str) -> str:
    """Return a name without underscores, in lower case.

    >>> plain("d_Wx")
    'dwx'
    """
    return name.replace("_", "").lower()


def bare(name: str) -> str:
    """Return the name of the array whose gradient is named, in the spelling of `plain`.

    >>> bare("dnext_h"), bare("Wf_grad"), bare("dLdW"), bare("grad_W"), bare("dWaf"), bare("gU")
    ('nexth', 'wf', 'w', 'w', 'waf', 'u')
    """
    short = re.sub(r"^d_?[lLJE]_?_?d_?", "", name)
    if short == name:
        short = re.sub(
            r"^(grads?_|g_|d_|delta_|diff_|dl_|top_|del_|nabla_)|(_grads?|_diff|_bar|_delta|_d|Grad)$",
            "",
            name,
        )
    if short == name:
        short = re.sub(r"^(grad|g(?=[A-Z])|d(?=\w))", "", name)
    return plain(short)
