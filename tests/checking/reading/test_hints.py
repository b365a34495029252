"""Shapes in the comments of a file."""

import pytest

from seqmem.checking.reading.hints import shape_in


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("W: (4H, D)", (20, 7)),
        ("W: (4*H, D)", (20, 7)),
        ("W: (D + H, 4 * H)", (12, 20)),
        ("W: (n_a + n_x, n_a)", (12, 5)),
        ("W: (3, 5)", (3, 5)),
        ("W: (H, 0)", None),
        ("W: (H**H**H**H, D)", None),
        ("W: (9**9**9**9**9, D)", None),
        ("W: (H - 1, D)", None),
        ("W: (the first, the second)", None),
    ],
)
def test_a_shape_is_sums_of_products_of_letters_and_numbers(text, shape):
    assert shape_in(text, "W") == shape
