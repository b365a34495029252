"""The fixed context is the last valid key, whatever is asked."""

import numpy as np
import strategies as draw
from comparing import all_zero, assert_same
from hypothesis import given

from seqmem import FixedContext


@given(draw.looks())
def test_the_context_is_the_last_valid_key_and_only_that_gets_a_gradient(look):
    (context, weights), cache = FixedContext().forward(look.query, look.keys, lengths=look.lengths)
    (d_query, d_keys), grads = FixedContext().backward((look.d_context, look.d_weights), cache)
    right_context, right_d_keys = np.zeros_like(context), np.zeros_like(look.keys)
    for row, n in enumerate(look.lengths):
        if n:
            right_context[row] = look.keys[n - 1, row]
            right_d_keys[n - 1, row] = look.d_context[row]
            assert weights[row].tolist() == np.eye(len(look.keys))[n - 1].tolist()
    assert_same((context, d_keys), (right_context, right_d_keys))
    assert all_zero(d_query)
    assert grads == {}


def test_it_has_no_parameters_and_says_what_it_is():
    assert FixedContext().params == {}
    assert repr(FixedContext()) == "FixedContext()"
