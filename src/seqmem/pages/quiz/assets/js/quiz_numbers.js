// The numbers that refute the wrong answers, by question: each is what the question's code computes into a variable of
// the same name. No element is touched here.

/** Weights of a cell with one input and one unit, from [w_x, w_h, b] of each gate in the library's order. */
function oneUnit(...gates) {
  const column = (place) => gates.map((gate) => [[gate[place]]]);
  return { W_x: column(0), W_h: column(1), b: gates.map((gate) => [gate[2]]) };
}

const last = (list) => list[list.length - 1];
const total = (list) => list.reduce((sum, value) => sum + value, 0);
const logit = (share) => Math.log(share / (1 - share));

const KEYS = [0.2, 1, -0.5];

/** Additive attention with one number a key: W_q = 0.5, W_k = 1, b = 0, v = 2. */
function attend(query, keys = KEYS) {
  const scores = keys.map((key) => 2 * Math.tanh(0.5 * query + key));
  const weights = softmax(scores);
  return { scores, weights, context: total(weights.map((weight, k) => weight * keys[k])) };
}

/** Parameters of a cell with so many blocks, each with `biases` biases a unit. */
function parameters(blocks, D, H, biases = 1) {
  return blocks * (D * H + H * H + biases * H);
}

/** The part of a gradient that is left at the first step. */
function left(kind, weights, xs) {
  const { whole, steps } = reach(kind, weights, xs);
  return { share: whole[0] / last(whole), steps };
}

/** How a gradient grows over 60 steps of an RNN with one unit, after a first input of this size. */
function growth(weight, size) {
  const xs = Array.from({ length: 61 }, (_, t) => [t === 0 ? size : 0]);
  return left("rnn", oneUnit([1, weight, 0]), xs).share;
}

const NUMBERS = {
  "long-sequences"({ xs, rnn, lstm }) {
    const withBias = (bias) => ({ ...lstm, b: lstm.b.map((row, gate) => (gate === 1 ? row.map(() => bias) : row)) });
    const started = left("lstm", lstm, xs);
    const gates = started.steps.slice(1).map(({ f }) => f);
    return {
      rnn: left("rnn", rnn, xs).share,
      lstm: started.share,
      opened: left("lstm", withBias(3), xs).share,
      closed: left("lstm", withBias(-3), xs).share,
      path: Math.max(...gates.reduce((product, f) => product.map((value, k) => value * f[k]))),
      steepest_sigmoid: 1 / 4,
      steepest_tanh: 1,
    };
  },
  "forget-near-zero"() {
    const weights = oneUnit([0, 0, 0], [0, 0, -50], [0, 0, 0], [0, 0, 0.5]);
    const { c, h } = PASSES.lstm.forward(weights, [[1]], { h: [0], c: [123] })[0];
    return { c: c[0], h: h[0], kept: 123 - c[0] };
  },
  "cell-update"() {
    const [i, f, o, g, c_prev] = [0.2, 0.9, 0.7, -0.5, 2];
    const biases = [...[i, f, o].map(logit), Math.atanh(g)];
    const weights = oneUnit(...biases.map((b) => [0, 0, b]));
    const { c } = PASSES.lstm.forward(weights, [[0]], { h: [0], c: [c_prev] })[0];
    return { c: c[0], swapped: i * c_prev + f * g, around: f * (c_prev + i * g), shown: o * Math.tanh(c_prev) };
  },
  "gru-and-lstm"() {
    const [gru_size, lstm_size] = [3, 4].map((blocks) => parameters(blocks, 100, 128));
    const counts = { gru_gates: 2, lstm_gates: 3, gru_states: 1, lstm_states: 2 };
    return { gru_size, lstm_size, ratio: gru_size / lstm_size, ...counts };
  },
  "context-vector"() {
    const { weights, context } = attend(1);
    return {
      context,
      other: attend(-1).context,
      last: last(KEYS),
      mean: total(KEYS) / 3,
      best: KEYS[weights.indexOf(Math.max(...weights))],
    };
  },
  "without-attention"() {
    const changed = [KEYS[0] + 1, KEYS[1] + 1, KEYS[2]];
    return {
      fixed: Math.abs(last(changed) - last(KEYS)),
      attended: Math.abs(attend(1, changed).context - attend(1).context),
    };
  },
  "slope-of-tanh": () => ({ grown: growth(1.2, 1e-12), shrunk: growth(0.9, 1e-12), saturated: growth(1.2, 1) }),
  "parameters-of-an-lstm": () => ({
    size: parameters(4, 100, 128),
    block: parameters(1, 100, 128),
    biases: 4 * 128,
  }),
  "three-quarters": () => ({
    ratio: parameters(3, 100, 128) / parameters(4, 100, 128),
    after: (parameters(3, 100, 128) + 128) / parameters(4, 100, 128),
    tiny: parameters(3, 7, 3) / parameters(4, 7, 3),
  }),
  "update-gate"() {
    const { z, n, h } = PASSES.gru.forward(oneUnit([0, 0, 0], [0, 0, 10], [1, 0, 0]), [[1]], [-0.6])[0];
    return { z: z[0], candidate: n[0], h: h[0], middle: (-0.6 + n[0]) / 2 };
  },
  "the-other-z": () => ({
    kept: sigmoid(0.8),
    written: 1 - sigmoid(0.8),
    negated: sigmoid(-0.8),
    one_less: sigmoid(1 - 0.8),
    same: sigmoid(0.8),
  }),
  "shape-of-the-outputs"() {
    const [T, B, H] = [5, 2, 4];
    return { count: T * B * H, per_step: B * H, gates: 4 * T * B * H, last: B * H, steps: T };
  },
  "past-the-end"() {
    const final = (xs) =>
      last(
        PASSES.rnn.forward(
          oneUnit([0.7, 0.9, 0]),
          xs.map((x) => [x]),
        ),
      ).h[0];
    const words = [1, 0.5, -1];
    return { output: 0, final: final(words), read: final([...words, 9, -9]), zeroed: final([...words, 0, 0]) };
  },
  "masked-attention"() {
    const { scores, weights } = attend(1);
    const [padding, kept] = [0, softmax(scores.slice(0, 2))];
    const timesZero = softmax([scores[0], scores[1], 0])[2];
    return { padding, total: total(kept), times_zero: timesZero, too_little: weights[0] + weights[1] };
  },
  "masked-loss"() {
    const losses = [-2, 1, -5, 5].map((difference) => Math.log1p(Math.exp(difference)));
    const loss = (losses[0] + losses[1]) / 2;
    return { loss, by_all: (loss * 2) / 4, summed: loss * 2, unmasked: total(losses) / 4 };
  },
  "clipping"() {
    const grads = [3, 4];
    const [first, second] = grads.map((value) => value / norm(grads));
    const angle = ((Math.atan2(4, 3) - Math.atan2(1, 1)) * 180) / Math.PI;
    return { norm: norm(grads), first, second, cut_norm: norm([1, 1]), angle, still: norm([first, second]) };
  },
  "forget-bias"() {
    const path = (bias) => sigmoid(bias) ** 10;
    return { left: path(1), half: path(0), opened: path(3), gate: sigmoid(1), lost: 1 - sigmoid(1) };
  },
  "output-gate"() {
    const weights = oneUnit([0, 0, -50], [0, 0, 5], [100, 0, -50], [0, 0, 0]);
    const [shut, after] = PASSES.lstm.forward(weights, [[0], [1]], { h: [0], c: [2] });
    return { hidden: shut.h[0], c: shut.c[0], later: after.h[0] };
  },
};
