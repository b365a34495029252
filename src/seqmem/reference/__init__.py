"""Reference passes: forward and backward step by step, to be compared with one's own."""
