// The three cells with one input and one unit, and the words that go with them. A kind knows its arithmetic and its
// equations as text; it touches no element. `v` holds what is set ("x", "h_prev", "f-w_x", ...), `r` what comes out.

/** In the library's order: the input's part and the bias first, then the recurrent part, so that they round alike. */
function preActivation(v, gate, h) {
  return v.x * v[`${gate}-w_x`] + v[`${gate}-b`] + h * v[`${gate}-w_h`];
}

/** w_x·x + w_h·h + b with numbers. */
function filledSum(v, gate, h) {
  return `${short(v[`${gate}-w_x`])}·${inner(v.x)} + ${inner(v[`${gate}-w_h`])}·${inner(h)} + ${inner(v[`${gate}-b`])}`;
}

function filledGate(squash, v, r, gate) {
  return `${squash}(${filledSum(v, gate, v.h_prev)}) = ${squash}(${short(r[`a_${gate}`])})`;
}

const STATE_H = { key: "h_prev", symbol: "h_{t−1}", says: "previous output", limit: 1, step: 0.05 };
const INPUT = { key: "x", symbol: "x_t", says: "input of this step", limit: 3, step: 0.05 };

/** All weights of a preset: what is not named is 0. */
function weights(gates, named) {
  const all = {};
  for (const gate of gates) for (const weight of ["w_x", "w_h", "b"]) all[`${gate}-${weight}`] = 0;
  return { ...all, ...named };
}

const lstmWeights = (named) => weights(["f", "i", "g", "o"], named);

const LSTM = {
  key: "lstm",
  cell: "LSTMCell",
  inputs: [INPUT, STATE_H, { key: "c_prev", symbol: "C_{t−1}", says: "previous cell state", limit: 3, step: 0.05 }],
  gates: [
    {
      key: "f",
      symbol: "f_t",
      name: "Forget gate",
      says: "0 erases the old memory, 1 keeps it",
      role: "memory",
      range: "unit",
      squash: "σ",
      letter: "f",
      library: "f",
    },
    {
      key: "i",
      symbol: "i_t",
      name: "Input gate",
      says: "how much of the candidate is written",
      role: "write",
      range: "unit",
      squash: "σ",
      letter: "i",
      library: "i",
    },
    {
      key: "g",
      symbol: "C̃_t",
      name: "Candidate",
      says: "what would be written",
      role: "write",
      range: "signed",
      squash: "tanh",
      letter: "c",
      library: "g",
    },
    {
      key: "o",
      symbol: "o_t",
      name: "Output gate",
      says: "how much of the memory is shown",
      role: "show",
      range: "unit",
      squash: "σ",
      letter: "o",
      library: "o",
    },
  ],
  strip: ["f", "i", "g", "o", "c", "h"],
  scales: { c: 5, h: 1 }, // how far the bars go to both sides of zero: as far as the sliders lead
  flowScale: 5,
  spoken: { f: "f", i: "i", g: "candidate", o: "o", c: "C", h: "h" },
  states: [
    { key: "c", symbol: "C_t", name: "Cell state", says: "long-term memory", role: "memory" },
    {
      key: "h",
      symbol: "h_t",
      name: "Output",
      says: "working memory, what the next step and the layer above see",
      role: "show",
    },
  ],
  updates: [
    {
      key: "c",
      equation: "C_t = f_t·C_{t−1} + i_t·C̃_t",
      fill: (v, r) =>
        `${short(r.f)}·${inner(v.c_prev)} + ${short(r.i)}·${inner(r.g)} = ${shown(r.kept)} + ${inner(r.written, shown)}`,
    },
    {
      key: "h",
      equation: "h_t = o_t·tanh(C_t)",
      fill: (v, r) => `${short(r.o)}·tanh(${short(r.c)}) = ${short(r.o)}·${inner(r.tanh_c, shown)}`,
    },
  ],
  flow: [
    { key: "c_prev", name: "before", symbol: "C_{t−1}", role: "memory" },
    { key: "kept", name: "kept", symbol: "f_t·C_{t−1}", role: "memory" },
    { key: "erased", name: "erased", symbol: "(1 − f_t)·C_{t−1}", role: "erase" },
    { key: "written", name: "written", symbol: "i_t·C̃_t", role: "write" },
    { key: "c", name: "after", symbol: "C_t", role: "memory" },
  ],
  history: ["f", "i", "g", "o", "kept", "erased", "written", "c", "h"],
  chart: ["c", "h"],
  equation: (gate) =>
    `${gate.symbol} = ${gate.squash}(w_{x${gate.letter}}·x_t + w_{h${gate.letter}}·h_{t−1} + b_${gate.letter})`,
  fill: (v, r, gate) => filledGate(gate.squash, v, r, gate.key),
  compute(v) {
    const r = { h_prev: v.h_prev, c_prev: v.c_prev };
    for (const gate of ["i", "f", "o", "g"]) r[`a_${gate}`] = preActivation(v, gate, v.h_prev);
    for (const gate of ["i", "f", "o"]) r[gate] = sigmoid(r[`a_${gate}`]);
    r.g = Math.tanh(r.a_g);
    r.kept = r.f * v.c_prev;
    r.erased = (1 - r.f) * v.c_prev;
    r.written = r.i * r.g;
    r.c = r.kept + r.written;
    r.tanh_c = Math.tanh(r.c);
    r.h = r.o * r.tanh_c;
    return r;
  },
  after: (r) => ({ h_prev: r.h, c_prev: r.c }),
  tell: (r) =>
    `Of the memory ${shown(r.c_prev)}, ${shown(r.kept)} is kept and ${shown(r.erased)} erased; ${shown(r.written)} is written. The memory is now ${shown(r.c)}, and the unit shows ${shown(r.h)}.`,
  sequence: "1, 0, 1, 1, 0, -1, 0, 1",
  presets: [
    {
      name: "Start values",
      says: "A forget bias of 1, as training starts: most of the old memory stays.",
      values: {
        x: 1.2,
        h_prev: 0.1,
        c_prev: 0.8,
        ...lstmWeights({
          "f-w_x": 0.5,
          "f-w_h": 0.3,
          "f-b": 1,
          "i-w_x": 0.8,
          "i-w_h": -0.4,
          "g-w_x": 1,
          "g-w_h": 0.5,
          "o-w_x": 0.6,
          "o-w_h": 0.2,
        }),
      },
    },
    {
      name: "Forget all",
      says: "The forget gate is near 0 and so is the input gate: whatever the memory held is gone after one step, and nothing replaces it.",
      values: { x: 1, h_prev: 0.5, c_prev: 2, ...lstmWeights({ "f-b": -10, "i-b": -10, "g-w_x": 1, "o-b": 10 }) },
    },
    {
      name: "Keep all",
      says: "The forget gate is near 1, the input gate near 0: the memory stands still, whatever the input. Play a sequence and watch C.",
      values: { x: 1, h_prev: 0.5, c_prev: 2, ...lstmWeights({ "f-b": 10, "i-b": -10, "g-w_x": 1, "o-b": 10 }) },
    },
    {
      name: "Write only",
      says: "The forget gate is near 0, the input gate near 1: the memory is the candidate of this very step and nothing else.",
      values: { x: 1, h_prev: 0.5, c_prev: 2, ...lstmWeights({ "f-b": -10, "i-b": 10, "g-w_x": 1, "o-b": 10 }) },
    },
    {
      name: "Counter",
      says: "Everything is kept, and the candidate is near +1 for an input of 1, near −1 for −1, and 0 for 0. Play a sequence: C counts. A sum like this is what the plain RNN's tanh cannot hold.",
      values: { x: 1, h_prev: 0, c_prev: 0, ...lstmWeights({ "f-b": 10, "i-b": 10, "g-w_x": 10, "o-b": 10 }) },
    },
  ],
  names: [
    ["f_t, i_t, o_t", "f, i, o", "three gates, from 0 to 1"],
    ["C̃_t", "g", "the candidate, from −1 to 1 (the lecture counts it as a fourth gate)"],
    ["C_t", "c", "the cell state: LSTMState.c"],
    ["h_t", "h", "the output: LSTMState.h"],
    [
      "W_f·[h_{t−1}, x_t] + b_f",
      "h_prev @ W_h[1] + x @ W_x[1] + b[1]",
      "with one unit, W is only two numbers: one for h, one for x",
    ],
  ],
};

const gruWeights = (named) => ({ b_hn: 0, ...weights(["r", "z", "n"], named) });

const GRU = {
  key: "gru",
  cell: "GRUCell",
  inputs: [INPUT, STATE_H],
  gates: [
    {
      key: "z",
      symbol: "z_t",
      name: "Update gate",
      says: "0 keeps the old state, 1 writes the candidate",
      role: "write",
      range: "unit",
      squash: "σ",
      letter: "z",
      library: "z",
    },
    {
      key: "r",
      symbol: "r_t",
      name: "Reset gate",
      says: "how much of the old state the candidate may see",
      role: "show",
      range: "unit",
      squash: "σ",
      letter: "r",
      library: "r",
    },
    {
      key: "n",
      symbol: "h̃_t",
      name: "Candidate",
      says: "what would be written",
      role: "write",
      range: "signed",
      squash: "tanh",
      letter: "n",
      library: "n",
      further: { key: "b_hn", symbol: "b_{hn}", says: "recurrent bias" },
    },
  ],
  strip: ["z", "r", "n", "h"],
  scales: { h: 1 },
  flowScale: 1,
  spoken: { z: "z", r: "r", n: "candidate", h: "h" },
  states: [{ key: "h", symbol: "h_t", name: "State", says: "memory and output in one", role: "memory" }],
  updates: [
    {
      key: "h",
      equation: "h_t = (1 − z_t)·h_{t−1} + z_t·h̃_t",
      fill: (v, r) =>
        `${short(1 - r.z)}·${inner(v.h_prev)} + ${short(r.z)}·${inner(r.n)} = ${shown(r.kept)} + ${inner(r.written, shown)}`,
    },
  ],
  flow: [
    { key: "h_prev", name: "before", symbol: "h_{t−1}", role: "memory" },
    { key: "kept", name: "kept", symbol: "(1 − z_t)·h_{t−1}", role: "memory" },
    { key: "erased", name: "erased", symbol: "z_t·h_{t−1}", role: "erase" },
    { key: "written", name: "written", symbol: "z_t·h̃_t", role: "write" },
    { key: "h", name: "after", symbol: "h_t", role: "memory" },
  ],
  history: ["z", "r", "n", "kept", "erased", "written", "h"],
  chart: ["h"],
  equation(gate, v) {
    if (gate.key !== "n") return LSTM.equation(gate);
    if (v.reset === "before") return "h̃_t = tanh(w_{xn}·x_t + w_{hn}·(r_t·h_{t−1}) + b_n)";
    return "h̃_t = tanh(w_{xn}·x_t + r_t·(w_{hn}·h_{t−1} + b_{hn}) + b_n)";
  },
  fill(v, r, gate) {
    if (gate.key !== "n") return filledGate("σ", v, r, gate.key);
    const [x, h] = [`${short(v["n-w_x"])}·${inner(v.x)}`, inner(v["n-w_h"])];
    const past =
      v.reset === "before"
        ? `${h}·(${short(r.r)}·${inner(v.h_prev)})`
        : `${short(r.r)}·(${short(v["n-w_h"])}·${inner(v.h_prev)} + ${inner(v.b_hn)})`;
    return `tanh(${x} + ${past} + ${inner(v["n-b"])}) = tanh(${short(r.a_n)})`;
  },
  compute(v) {
    const r = { h_prev: v.h_prev, a_r: preActivation(v, "r", v.h_prev), a_z: preActivation(v, "z", v.h_prev) };
    r.r = sigmoid(r.a_r);
    r.z = sigmoid(r.a_z);
    if (v.reset === "before") r.a_n = preActivation(v, "n", r.r * v.h_prev);
    else r.a_n = v.x * v["n-w_x"] + v["n-b"] + r.r * (v.h_prev * v["n-w_h"] + v.b_hn);
    r.n = Math.tanh(r.a_n);
    r.kept = (1 - r.z) * v.h_prev;
    r.erased = r.z * v.h_prev;
    r.written = r.z * r.n;
    r.h = r.kept + r.written;
    r.remark = r.z * v.h_prev + (1 - r.z) * r.n; // what "z ≈ 1 keeps the past" would come to
    return r;
  },
  after: (r) => ({ h_prev: r.h }),
  tell: (r) =>
    `Of the state ${shown(r.h_prev)}, ${shown(r.kept)} is kept and ${shown(r.erased)} erased; ${shown(r.written)} is written. The state is now ${shown(r.h)}.`,
  sequence: "1, 0, 1, 1, 0, -1, 0, 1",
  presets: [
    {
      name: "Start values",
      says: "Both gates are half open: the state drifts towards the candidate.",
      values: {
        x: 1.2,
        h_prev: -0.4,
        ...gruWeights({ "z-w_x": 0.5, "z-w_h": 0.3, "r-w_x": 0.8, "r-w_h": -0.4, "n-w_x": 1, "n-w_h": 0.5, b_hn: 0.3 }),
      },
    },
    {
      name: "Keep",
      says: "z is near 0: the state stands still, whatever the input. Play a sequence and watch h.",
      values: { x: 1, h_prev: -0.6, ...gruWeights({ "z-b": -10, "r-b": 10, "n-w_x": 1, "n-w_h": 0.5 }) },
    },
    {
      name: "Write",
      says: "z is near 1: the old state is erased and the candidate takes its place. The candidate itself may still look back, because r is near 1.",
      values: { x: 1, h_prev: -0.6, ...gruWeights({ "z-b": 10, "r-b": 10, "n-w_x": 1, "n-w_h": 0.5 }) },
    },
    {
      name: "Write afresh",
      says: "z is near 1 and r near 0: not even the candidate sees the old state. The unit starts again from this input.",
      values: { x: 1, h_prev: -0.6, ...gruWeights({ "z-b": 10, "r-b": -10, "n-w_x": 1, "n-w_h": 0.5 }) },
    },
  ],
  names: [
    ["z_t, r_t", "z, r", "two gates, from 0 to 1; the lecture gives them no bias, here it starts at 0"],
    ["h̃_t", "n", "the candidate, from −1 to 1"],
    ["h_t", "h", "the state, which is also the output"],
    ["W·[r_t·h_{t−1}, x_t]", "(r * h_prev) @ W_h[2] + x @ W_x[2] + b[2]", "reset before the product: GRUCell(D, H)"],
    [
      "(not in the lecture)",
      "r * (h_prev @ W_h[2] + b_hn) + x @ W_x[2] + b[2]",
      'reset after the product: GRUCell(D, H, reset="after")',
    ],
  ],
};

const RNN = {
  key: "rnn",
  cell: "RNNCell",
  inputs: [INPUT, STATE_H],
  gates: [
    {
      key: "h",
      symbol: "h_t",
      name: "The unit",
      says: "memory and output in one; no gate protects it",
      role: "memory",
      range: "signed",
      squash: "tanh",
      letter: "",
      library: "h",
    },
  ],
  strip: ["a", "h", "slope"],
  scales: { a: 5, h: 1, slope: 2 },
  flowScale: 5,
  spoken: { a: "a", h: "h", slope: "slope" },
  states: [
    { key: "a", symbol: "a_t", name: "Pre-activation", says: "the sum before tanh", role: "write" },
    {
      key: "slope",
      symbol: "∂h_t/∂h_{t−1}",
      name: "Slope",
      says: "how much of a small change of the old state arrives in the new one, and of a gradient in the step before",
      role: "show",
    },
  ],
  updates: [
    {
      key: "slope",
      equation: "∂h_t/∂h_{t−1} = (1 − h_t²)·w_h",
      fill: (v, r) => `(1 − ${inner(r.h)}²)·${inner(v["h-w_h"])}`,
    },
  ],
  flow: [
    { key: "h_prev", name: "before", symbol: "h_{t−1}", role: "memory" },
    { key: "past", name: "from the past", symbol: "w_h·h_{t−1}", role: "memory" },
    { key: "input", name: "from the input", symbol: "w_x·x_t + b", role: "write" },
    { key: "a", name: "sum", symbol: "a_t", role: "write" },
    { key: "h", name: "after", symbol: "h_t", role: "memory" },
  ],
  history: ["past", "input", "a", "h", "slope", "product"],
  chart: ["h"],
  equation: () => "h_t = tanh(w_x·x_t + w_h·h_{t−1} + b)",
  fill: (v, r) => `tanh(${filledSum(v, "h", v.h_prev)}) = tanh(${short(r.a)})`,
  compute(v) {
    const r = { h_prev: v.h_prev, past: v.h_prev * v["h-w_h"], input: v.x * v["h-w_x"] + v["h-b"] };
    r.a = preActivation(v, "h", v.h_prev);
    r.h = Math.tanh(r.a);
    r.slope = (1 - r.h * r.h) * v["h-w_h"];
    r.product = r.slope * (v.product ?? 1); // over the steps of a sequence
    return r;
  },
  after: (r) => ({ h_prev: r.h, product: r.product }),
  tell: (r) =>
    `From the past come ${shown(r.past)}, from the input ${shown(r.input)}; the state is now ${shown(r.h)}. Of a small change at the start, ${shown(r.product)} times its size is left.`,
  sequence: "1, 0, 0, 0, 0, 0, 0, 0",
  presets: [
    {
      name: "Start values",
      says: "A middling recurrent weight: the past counts, but less with each step.",
      values: { x: 1.2, h_prev: 0.1, ...weights(["h"], { "h-w_x": 0.5, "h-w_h": 0.8, "h-b": 0 }) },
    },
    {
      name: "Vanish",
      says: "A recurrent weight of 0.5: play the sequence, one 1 and then zeros. The trace of the 1 at least halves with every step, and so does a gradient on its way back.",
      values: { x: 1, h_prev: 0, ...weights(["h"], { "h-w_x": 1.5, "h-w_h": 0.5, "h-b": 0 }) },
    },
    {
      name: "Saturate",
      says: "A large recurrent weight: h sticks near 1 long after the input has gone, and the slope is near 0. The unit remembers that something came, but can no longer learn from it.",
      values: { x: 1, h_prev: 0, ...weights(["h"], { "h-w_x": 3, "h-w_h": 3, "h-b": 0 }) },
    },
  ],
  names: [
    ["Θ¹", "W_x", "weight of the input"],
    ["Θ³", "W_h", "weight of the previous state"],
    ["(no bias)", "b", "starts at 0"],
    ["h_t", "h", "the hidden state, which is also the output"],
  ],
};

const KINDS = [LSTM, GRU, RNN];

/** Words for columns and chart lines, by result. */
const SYMBOLS = {
  a: "a_t",
  c: "C_t",
  erased: "erased",
  f: "f_t",
  g: "C̃_t",
  h: "h_t",
  i: "i_t",
  input: "from input",
  kept: "kept",
  n: "h̃_t",
  o: "o_t",
  past: "from past",
  product: "left",
  r: "r_t",
  slope: "slope",
  t: "t",
  written: "written",
  x: "x_t",
  z: "z_t",
};

/** Results of every step of a sequence, each step starting from the state that the one before it left. */
function unroll(kind, settings, xs) {
  let state = {};
  return xs.map((x) => {
    const r = kind.compute({ ...settings, ...state, x });
    state = kind.after(r);
    return { ...r, x };
  });
}

const MOST_NUMBERS = 100;
const FARTHEST = 100;

/** Numbers of a text, or an Error whose message says which word is wrong. */
function parseSequence(text) {
  const words = text
    .replaceAll("−", "-")
    .split(/[\s,;]+/)
    .filter((word) => word !== "");
  if (words.length === 0) throw new Error("The sequence is empty. Write at least one number, for example 1, 0, −1.");
  if (words.length > MOST_NUMBERS)
    throw new Error(`The sequence has ${words.length} numbers; at most ${MOST_NUMBERS} can be played.`);
  return words.map((word, index) => {
    const which = `Number ${index + 1}, “${word.length > 20 ? `${word.slice(0, 20)}…` : word}”,`;
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word)) {
      throw new Error(
        `${which} is not a number. Separate numbers by spaces or commas, with a point for decimals: 0.5, −1.`,
      );
    }
    if (Math.abs(Number(word)) > FARTHEST)
      throw new Error(`${which} is too large: numbers from −${FARTHEST} to ${FARTHEST} can be played.`);
    return Number(word);
  });
}
