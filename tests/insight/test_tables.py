"""A tidy table of a trace has one row for each number, under its name and place."""

import numpy as np

from seqmem import AdditiveAttention, Decoder
from seqmem.insight import trace_table


def test_a_decoders_table_has_every_number_once_with_attention_over_source_positions():
    decoder = Decoder(9, 3, 4, context=AdditiveAttention(4, 6, 5, rng=0), rng=0)
    tokens, keys = np.ones((5, 3), int), np.random.default_rng(0).normal(size=(7, 3, 6))
    _, cache = decoder.forward(tokens, decoder.cell.zero_state(3), keys)
    trace = decoder.trace(cache)
    table = trace_table(trace)
    assert len(table) == sum(values.size for values in trace.values())
    for name, values in trace.items():
        rows = table[table["quantity"] == name]
        assert np.array_equal(values[rows["step"], rows["row"], rows["unit"]], rows["value"])
        assert len(np.unique(rows)) == values.size
    assert table[table["quantity"] == "weights"]["unit"].max() == 6


def test_the_table_of_nothing_has_its_columns():
    assert trace_table({}).dtype.names == ("quantity", "step", "row", "unit", "value")
