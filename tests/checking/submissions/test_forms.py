"""Passes in forms that people write: each is called as it is, and judged by its numbers."""

import sys
import textwrap

import numpy as np
import pytest

from seqmem.checking.reading.loading import NAME, load
from seqmem.checking.submissions.find import check_names
from seqmem.checking.submissions.verdict import Options

WRITTEN = """
    import numpy as np

    class Affine:
        def __init__(self, in_dim, out_dim):
            self.name = "affine"
            self.params = {"affine/W": np.random.randn(in_dim, out_dim), "affine/b": np.zeros(out_dim)}

        def forward(self, x):
            return x @ self.params["affine/W"] + self.params["affine/b"], {}

        def backward(self, x, cache, upstream, gradients):
            gradients[f"{self.name}/W"] = x.T @ upstream
            gradients[f"{self.name}/b"] = upstream.sum(0)
            return upstream @ self.params["affine/W"].T
"""
OPTIMIZED = """
    import copy
    import numpy as np

    class Dense:
        def __init__(self, n_units, input_shape=None):
            self.n_units, self.input_shape, self.W = n_units, input_shape, None

        def set_input_shape(self, shape):
            self.input_shape = shape

        def initialize(self, optimizer):
            self.W = np.random.randn(self.input_shape[0], self.n_units)
            self.w_opt = copy.copy(optimizer)

        def forward_pass(self, X):
            self.X = X
            return X @ self.W

        def backward_pass(self, accum_grad):
            W = self.W
            self.W = self.w_opt.update(self.W, self.X.T @ accum_grad)
            return accum_grad @ W.T
"""
WITH_LABELS = """
    import numpy as np

    class Char:
        def __init__(self, vocab, hidden):
            self.Wx, self.Wh = np.random.randn(vocab, hidden), np.random.randn(hidden, hidden)
            self.Wy = np.random.randn(hidden, vocab)

        def forward(self, x, h):
            new = np.tanh(x @ self.Wx + h @ self.Wh)
            return new @ self.Wy, new, (x, h, new)

        def backward(self, y_pred, y_true, dh_next, cache):
            x, h, new = cache
            p = np.exp(y_pred - y_pred.max(1, keepdims=True))
            p /= p.sum(1, keepdims=True)
            p[np.arange(len(p)), y_true] -= 1
            p /= len(p)
            da = (p @ self.Wy.T + dh_next) * (1 - new**2)
            dh = da @ self.Wh.T
            return {"Wx": x.T @ da, "Wh": h.T @ da, "Wy": new.T @ p}, dh
"""
DERIVATIVES = """
    import numpy as np

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    def sigmoid_prime(x):
        return sigmoid(x) * (1 - sigmoid(x))

    def tanh(z):
        return np.tanh(z)

    def tanh_derivative(y):  # of the output
        return 1 - y**2

    def cube(x):
        return x**3

    def cube_grad(x):
        return 2 * x**2
"""
ROW = """
    import numpy as np

    class Cell:
        def __init__(self, in_dim, hidden_dim):
            self.W = np.random.randn(hidden_dim, in_dim)

        def forward(self, x):  # x: shape (input dim)
            self.x, self.h = x.reshape(-1, 1), np.tanh(self.W @ x.reshape(-1, 1))
            return self.h.ravel()

        def backward(self, delta):  # a row
            da = delta.T * (1 - self.h**2)
            self.dW = da @ self.x.T
            dx = self.W.T @ da
            return dx
"""
SENTENCES = """
    import numpy as np

    class Reader:
        def __init__(self, word_dim, hidden_dim=100):
            self.U = np.random.uniform(-1, 1, (hidden_dim, word_dim))
            self.V = np.random.uniform(-1, 1, (word_dim, hidden_dim))

        def scores(self, x):
            return np.tanh(self.U[:, x].T) @ self.V.T

        def total_loss(self, x, y):  # of several sentences
            loss = 0
            for k in range(len(y)):
                o = self.scores(x[k])
                loss += np.sum(np.log(np.exp(o).sum(1)) - o[np.arange(len(o)), y[k]])
            return loss

        def bptt(self, x, y):  # of one
            o = np.exp(self.scores(x))
            o /= o.sum(1, keepdims=True)
            o[np.arange(len(y)), y] -= 1
            dU = np.zeros_like(self.U)
            h = np.tanh(self.U[:, x].T)
            np.add.at(dU.T, x, (o @ self.V) * (1 - h**2))
            return dU, o.T @ h
"""
DROPPED = """
    import numpy as np

    class Drop:
        def __init__(self, W):
            self.W = W

        def forward(self, x):
            self.x, self.mask = x, np.random.rand(*x.shape) > 0.4
            return (x * self.mask) @ self.W

        def backward(self, dout):
            self.dW = (self.x * self.mask).T @ dout
            return dout @ self.W.T * self.mask
"""
AVERAGES = """
    import numpy as np

    def bn_forward(X, gamma, cache):
        mean, var = cache
        centred = X - X.mean(0)
        out = gamma * centred
        cache = (centred, gamma)
        return out, cache, 0.9 * mean + 0.1 * X.mean(0), var

    def bn_backward(dout, cache):
        centred, gamma = cache
        dX = dout * gamma - (dout * gamma).mean(0)
        dgamma = (dout * centred).sum(0)
        return dX, dgamma
"""


@pytest.fixture(autouse=True)
def unchanged(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before, state = set(sys.modules), np.random.get_state()  # noqa: NPY002
    yield
    np.random.set_state(state)  # noqa: NPY002
    for name in set(sys.modules) - before:
        if name == NAME or getattr(sys.modules[name], "__file__", None) is None:
            del sys.modules[name]


@pytest.fixture
def judged(tmp_path):
    def judged(text, name, file="mine.py"):
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return check_names(load(path).names, name, "", 0, Options())

    return judged


def assert_right(report, *names):
    assert report.verdict == "right", str(report)
    assert {row.name for row in report.rows} == set(names), str(report)


def test_gradients_are_written_into_a_dictionary_that_backward_is_given(judged):
    assert_right(judged(WRITTEN, "Affine"), "x", "affine/W", "affine/b")
    wrong = judged(WRITTEN.replace("upstream.sum(0)", "upstream.mean(0)"), "Affine")
    assert [row.name for row in wrong.rows if row.verdict == "wrong"] == ["affine/b"]


def test_a_layer_that_updates_itself_is_given_an_optimizer_and_the_shape_of_its_input(judged):
    assert_right(judged(OPTIMIZED, "Dense"), "X", "W")


def test_the_loss_that_only_backward_knows_is_one_of_the_usual_ones(judged):
    report = judged(WITH_LABELS, "Char")
    assert_right(report, "h", "Wx", "Wh", "Wy")
    assert "taken for the softmax cross-entropy, mean over the batch" in "\n".join(report.notes)


@pytest.mark.slow
def test_a_wrong_gradient_beside_a_right_one_is_found_with_a_loss_that_only_backward_knows(judged):
    report = judged(WITH_LABELS.replace("+ dh_next", "+ 2 * dh_next"), "Char")
    assert {row.name for row in report.rows if row.verdict == "wrong"} == {"h", "Wx", "Wh"}


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_a_derivative_is_of_the_input_or_of_the_output(judged, name):
    assert judged(DERIVATIVES, name).verdict == "right"


def test_a_wrong_derivative_is_wrong(judged):
    assert judged(DERIVATIVES, "cube").verdict == "wrong"


def test_a_pass_is_selected_by_the_name_of_its_backward_function_too(judged):
    assert judged(DERIVATIVES, "sigmoid_prime").title == "sigmoid"


def test_the_upstream_gradient_of_a_vector_may_have_to_be_a_row(judged):
    assert_right(judged(ROW, "Cell"), "x", "W")


def test_a_loss_of_several_sentences_and_the_gradients_of_one(judged):
    assert_right(judged(SENTENCES, "Reader"), "U", "V")


def test_dropout_leaves_out_the_same_numbers_at_every_call(judged):
    assert_right(judged(DROPPED, "Drop"), "x", "W")


def test_an_argument_called_cache_is_not_the_cache_that_is_returned(judged):
    assert_right(judged(AVERAGES, "bn"), "X", "gamma")


def test_a_forward_pass_in_the_file_beside(judged, tmp_path):
    (tmp_path / "there.py").write_text("def square_forward(x):\n    return x * x, x\n", encoding="utf-8")
    text = "def square_backward(d, cache):\n    return 2 * d * cache\n"
    assert_right(judged(text, "square"), "x")
    assert sys.modules[NAME].__file__.endswith("mine.py")


def test_a_package_without_init_is_found_by_the_folder_that_its_file_lies_in(judged, tmp_path):
    (tmp_path / "nets" / "tools").mkdir(parents=True)
    (tmp_path / "nets" / "tools" / "maths.py").write_text(
        "def twice(x):\n    return 2 * x\n", encoding="utf-8"
    )
    text = """
        from nets.tools.maths import twice

        def double_forward(x):
            return twice(x), None

        def double_backward(d, cache):
            return twice(d)
    """
    assert_right(judged(text, "double", "nets/layers/double.py"), "x")


def test_python_2_is_read_also_in_a_file_that_is_imported_and_over_several_lines(judged, tmp_path):
    (tmp_path / "old.py").write_text(
        "def half(x):\n    print 'half', `x`\n    return x / 2.0\n", encoding="utf-8"
    )
    text = """
        from old import half

        def f_forward(x):
            n = x.shape[0] / 2
            print "rows %d of %s" \\
                % (n, `x`)
            return half(x) * len(range(n)), n

        def f_backward(d, cache):
            return half(d) * cache
    """
    assert_right(judged(text, "f"), "x")


def test_a_file_that_is_read_in_a_block_gives_the_sizes(judged):
    text = """
        import numpy as np

        with open("novel.txt") as f:
            data = f.read()
        V = len(set(data))
        H = hidden_size = 100
        W = np.zeros((H, V))

        def out_forward(x):
            return W @ x, x

        def out_backward(d, x):
            return {"x": W.T @ d, "W": d @ x.T}
    """
    report = judged(text, "out")
    assert_right(report, "x", "W")
    assert next(row.shape for row in report.rows if row.name == "W") == (5, 7)
