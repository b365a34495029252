"use strict";

// The library's arithmetic for one sequence: the passes of RNN, LSTM and GRU with any number of units. Nothing here
// touches an element. A matrix is a list of rows; weights multiply from the right, and gates lead, as in the library:
// { W_x: [gate][D][H], W_h: [gate][H][H], b: [gate][H] }, gates in the order i, f, o, g, or r, z, n; the RNN has one.

/** The logistic function in the library's form, which cannot overflow. */
function sigmoid(a) {
  return Math.tanh(a * 0.5) * 0.5 + 0.5;
}

/** Numbers from 0 to 1 with the sum 1; the largest score is taken off first, so that nothing overflows. */
function softmax(scores) {
  const top = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - top));
  const sum = powers.reduce((one, other) => one + other, 0);
  return powers.map((power) => power / sum);
}

/** x @ W for a vector x. */
function times(x, W) {
  const out = new Array(W[0].length).fill(0);
  for (let k = 0; k < x.length; k += 1) {
    const row = W[k];
    for (let j = 0; j < row.length; j += 1) out[j] += x[k] * row[j];
  }
  return out;
}

/** d @ Wᵀ for a vector d: the way back through `times`. */
function timesBack(d, W) {
  return W.map((row) => {
    let sum = 0;
    for (let j = 0; j < row.length; j += 1) sum += d[j] * row[j];
    return sum;
  });
}

function plus(one, other) {
  return one.map((value, k) => value + other[k]);
}

/** The Euclidean norm, for numbers whose squares may underflow or overflow. */
function norm(vector) {
  let [top, sum] = [0, 0];
  for (const value of vector) top = Math.max(top, Math.abs(value));
  if (top === 0 || !Number.isFinite(top)) return top;
  for (const value of vector) sum += (value / top) ** 2;
  return top * Math.sqrt(sum);
}

/** x @ W_x + h @ W_h + b of one gate. */
function sumsOf(weights, gate, x, h) {
  return plus(plus(times(x, weights.W_x[gate]), weights.b[gate]), times(h, weights.W_h[gate]));
}

const zeros = (count) => new Array(count).fill(0);

/** Each kind: `forward(weights, xs, state)` gives every step's values; `backward(weights, steps, d_h)` the gradients. */
const PASSES = {
  rnn: {
    forward(weights, xs, start = zeros(weights.b[0].length)) {
      let h = start;
      return xs.map((x) => {
        h = sumsOf(weights, 0, x, h).map(Math.tanh);
        return { h };
      });
    },
    /** dL/dx of every step, for L = d_h · h of the last step. */
    backward(weights, steps, d_last) {
      let d_h = d_last;
      return backwards(steps, ({ h }) => {
        const d_a = d_h.map((d, k) => d * (1 - h[k] * h[k]));
        d_h = timesBack(d_a, weights.W_h[0]);
        return { x: timesBack(d_a, weights.W_x[0]) };
      });
    },
  },
  lstm: {
    forward(weights, xs, start = { h: zeros(weights.b[0].length), c: zeros(weights.b[0].length) }) {
      let { h, c } = start;
      return xs.map((x) => {
        const [i, f, o] = [0, 1, 2].map((gate) => sumsOf(weights, gate, x, h).map(sigmoid));
        const g = sumsOf(weights, 3, x, h).map(Math.tanh);
        const c_prev = c;
        c = c_prev.map((old, k) => f[k] * old + i[k] * g[k]);
        const tanh_c = c.map(Math.tanh);
        h = tanh_c.map((value, k) => o[k] * value);
        return { i, f, o, g, c_prev, c, tanh_c, h };
      });
    },
    /**
     * dL/dx of every step in two parts, whose sum it is: `cell` came along the cell state alone, `rest` through at
     * least one W_h. The last h is where both begin.
     */
    backward(weights, steps, d_last) {
      const H = d_last.length;
      let [d_h, d_c] = [zeros(H), zeros(H)]; // of the rest
      let [d_h_cell, d_c_cell] = [d_last, zeros(H)];
      return backwards(steps, (step) => {
        const cell = this.gates(step, d_h_cell, d_c_cell);
        const rest = this.gates(step, d_h, d_c);
        const through = cell.d_a.map((d, gate) => timesBack(plus(d, rest.d_a[gate]), weights.W_h[gate]));
        [d_h, d_c, d_h_cell, d_c_cell] = [through.reduce(plus), rest.d_c_prev, zeros(H), cell.d_c_prev];
        const parts = [cell, rest].map(({ d_a }) => this.inputs(weights, d_a));
        return { x: plus(...parts), cell: parts[0], rest: parts[1] };
      });
    },
    gates({ i, f, o, g, c_prev, tanh_c }, d_h, d_c_after) {
      const d_c = d_c_after.map((d, k) => d + d_h[k] * o[k] * (1 - tanh_c[k] * tanh_c[k]));
      return {
        d_a: [
          d_c.map((d, k) => d * g[k] * (i[k] * (1 - i[k]))),
          d_c.map((d, k) => d * c_prev[k] * (f[k] * (1 - f[k]))),
          d_h.map((d, k) => d * tanh_c[k] * (o[k] * (1 - o[k]))),
          d_c.map((d, k) => d * i[k] * (1 - g[k] * g[k])),
        ],
        d_c_prev: d_c.map((d, k) => d * f[k]),
      };
    },
    inputs(weights, d_a) {
      return d_a.map((d, gate) => timesBack(d, weights.W_x[gate])).reduce(plus);
    },
  },
  gru: {
    forward(weights, xs, start = zeros(weights.b[0].length)) {
      let h = start;
      return xs.map((x) => {
        const h_prev = h;
        const [r, z] = [0, 1].map((gate) => sumsOf(weights, gate, x, h_prev).map(sigmoid));
        const reset = h_prev.map((old, k) => r[k] * old);
        const n = sumsOf(weights, 2, x, reset).map(Math.tanh);
        h = h_prev.map((old, k) => (1 - z[k]) * old + z[k] * n[k]);
        return { r, z, n, h_prev, h };
      });
    },
    /** dL/dx of every step; the reset acts before the product. */
    backward(weights, steps, d_last) {
      let d_h = d_last;
      return backwards(steps, ({ r, z, n, h_prev }) => {
        const d_a_z = d_h.map((d, k) => d * (n[k] - h_prev[k]) * (z[k] * (1 - z[k])));
        const d_a_n = d_h.map((d, k) => d * z[k] * (1 - n[k] * n[k]));
        const d_reset = timesBack(d_a_n, weights.W_h[2]);
        const d_a_r = d_reset.map((d, k) => d * h_prev[k] * (r[k] * (1 - r[k])));
        const d_a = [d_a_r, d_a_z, d_a_n];
        const kept = d_h.map((d, k) => d * (1 - z[k]) + d_reset[k] * r[k]);
        d_h = [0, 1].map((gate) => timesBack(d_a[gate], weights.W_h[gate])).reduce(plus, kept);
        return { x: d_a.map((d, gate) => timesBack(d, weights.W_x[gate])).reduce(plus) };
      });
    },
  },
};

/** What `visit` returns for each step, in the steps' order, visited from the last to the first. */
function backwards(steps, visit) {
  const found = new Array(steps.length);
  for (let t = steps.length - 1; t >= 0; t -= 1) found[t] = visit(steps[t]);
  return found;
}

/** The norm of dL/dx at every step, for L the sum of the last h: { whole, cell, rest }, the last two of an LSTM. */
function reach(kind, weights, xs) {
  const pass = PASSES[kind];
  const steps = pass.forward(weights, xs);
  const found = pass.backward(weights, steps, new Array(weights.b[0].length).fill(1));
  const norms = (part) => found.map((one) => norm(one[part]));
  if (kind !== "lstm") return { whole: norms("x"), steps };
  return { whole: norms("x"), cell: norms("cell"), rest: norms("rest"), steps };
}
