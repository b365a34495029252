// The arithmetic of the page: words to vectors, the sentence at a distance, and what reaches each of its words.

const MOST_WORDS = 200;
const MOST_DISTANCE = 150;
const FAINT = 1e-30;

/** The words of a text; more than can be shown are left out. */
function wordsOf(text) {
  return text.split(/\s+/u).filter((word) => word !== "");
}

/** The sentence with so many words between the clue and the blank: the last ones stay, further ones repeat. */
function atDistance(words, clue, distance) {
  const tail = words.slice(clue + 1);
  const missing = Math.max(0, distance - tail.length);
  const filling = Array.from({ length: missing }, (_, k) => (tail.length ? tail[k % tail.length] : "…"));
  return [...words.slice(0, clue + 1), ...filling, ...tail.slice(Math.max(0, tail.length - distance))];
}

/** A vector for a word: as many numbers with mean 0 and variance 1, the same for the same letters. */
function vectorOf(word, count) {
  let state = 2166136261; // FNV-1a over the code points starts a sequence of xorshift numbers
  for (const letter of word) state = Math.imul(state ^ letter.codePointAt(0), 16777619);
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  if (state === 0) state = 1; // where xorshift would stay
  for (let k = 0; k < 8; k += 1) next();
  return Array.from({ length: count }, () => (2 * next() - 1) * Math.sqrt(3));
}

/** The weights as the settings make them. */
function weightsFor(weights, { radius, forget, update }) {
  const biased = (of, gate, bias) => of.b.map((row, k) => (k === gate ? row.map(() => bias) : row));
  const { rnn, lstm, gru } = weights;
  return {
    rnn: { ...rnn, W_h: [rnn.W_h[0].map((row) => row.map((value) => value * radius))] },
    lstm: { ...lstm, b: biased(lstm, 1, forget) },
    gru: { ...gru, b: biased(gru, 1, update) },
  };
}

const BENDS = { rnn: "radius", lstm: "forget", gru: "update" }; // the setting that bends each network

/**
 * What reaches each word, as a part of what the last word gets: { rnn, lstm, gru, cell, rest }. `known` holds what was
 * found before, and only the networks that differ since are run again: a drag moves one of three.
 */
function flowOver(words, weights, inputs, settings, known = {}) {
  const bent = weightsFor(weights, settings);
  const said = words.join(" ") + (settings.faint ? " faintly" : "");
  let xs = null;
  for (const [kind, setting] of Object.entries(BENDS)) {
    const mark = `${settings[setting]} ${said}`;
    if (known[kind]?.mark === mark) continue;
    xs ??= words.map((word) => vectorOf(word, inputs).map((value) => (settings.faint ? value * FAINT : value)));
    const { whole, cell, rest } = reach(kind, bent[kind], xs);
    const share = (norms) => norms.map((value) => value / whole[whole.length - 1]);
    known[kind] = { mark, [kind]: share(whole), ...(cell ? { cell: share(cell), rest: share(rest) } : {}) };
  }
  return { ...known.rnn, ...known.lstm, ...known.gru };
}
