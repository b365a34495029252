// What the page is made of: bars and a chart on one fixed scale.

const LOWEST = -16; // of the scale, as powers of ten
const HIGHEST = 4;
const LOST = 2 ** -24; // added to 1 in float32, it changes nothing
const NOTHING = 2 ** -150; // in float32, it is 0

const CURVES = [
  { key: "rnn", name: "RNN", says: "RNN" },
  { key: "lstm", name: "LSTM", says: "LSTM, all of it" },
  { key: "cell", name: "cell path", says: "of the LSTM: cell path" },
  { key: "rest", name: "the rest", says: "of the LSTM: through h" },
  { key: "gru", name: "GRU", says: "GRU" },
];

/** Where a share lies on the scale, from 0 to 1. */
function placeOf(share) {
  if (share === 0) return 0;
  return Math.min(1, Math.max(0, (Math.log10(share) - LOWEST) / (HIGHEST - LOWEST)));
}

const MARKS = { lost: placeOf(LOST), one: placeOf(1) };

/** A share with two digits; what is small or large as a power of ten. */
function shareText(share) {
  if (share === 0 || (share >= 0.01 && share < 1e4)) return shown(share, share < 10 ? 2 : 0);
  return shown(share, share < 1 ? 0 : 3);
}

/** "1 part in 800", with one digit. */
function partIn(share) {
  const times = Number((1 / share).toPrecision(1));
  return times === 1 ? "about all of it arrives" : `1 part in ${times < 1e6 ? times.toLocaleString("en") : powerText(Math.round(Math.log10(times)))}`;
}

const powerText = (power) => `10${[...String(power)].map((sign) => SUPERSCRIPTS[sign]).join("")}`;

function verdictOn(share) {
  if (share === 0) return "nothing arrives";
  if (share <= NOTHING) return "0 in float32";
  if (share <= LOST) return "vanished: lost in float32";
  if (share < 0.95) return partIn(share);
  if (share > 1e2) return "exploding";
  return share > 1.5 ? "more than the last word’s" : "about all of it arrives";
}

/** A bar from the left end of the scale; the number beside it says the same. */
function logBar(key) {
  const bar = element("span", { class: `log ${key}`, "aria-hidden": "true" }, element("span", { class: "fill" }));
  bar.style.setProperty("--lost", `${100 * MARKS.lost}%`);
  bar.style.setProperty("--one", `${100 * MARKS.one}%`);
  return bar;
}

function showLogBar(bar, share) {
  bar.firstChild.style.width = `${100 * placeOf(share)}%`;
}

/** A row for each curve: name, number, bar, and what it means. */
function outcomeRows() {
  return CURVES.map(({ key, says }) =>
    element(
      "div",
      { class: `reach ${key === "cell" || key === "rest" ? "part" : ""}` },
      element("span", { class: `key ${key}` }, says),
      element("span", { class: "result", id: `reach-${key}` }),
      logBar(key),
      element("span", { class: "verdict quiet", id: `verdict-${key}` }),
    ),
  );
}

/** The three networks in one row, which stays in sight where the screen is narrow. */
function stripCells() {
  return ["rnn", "lstm", "gru"].map((key) =>
    element(
      "div",
      {},
      element("span", { class: `key ${key}` }, key.toUpperCase()),
      " ",
      element("span", { class: "result" }),
      logBar(key),
    ),
  );
}

function showStrip(node, shares) {
  ["rnn", "lstm", "gru"].forEach((key, place) => {
    node.children[place].querySelector(".result").textContent = shareText(shares[key]);
    showLogBar(node.children[place].querySelector(".log"), shares[key]);
  });
}

function showOutcome(node, shares) {
  node.querySelectorAll(".reach").forEach((row, index) => {
    const { key } = CURVES[index];
    const result = row.querySelector(".result");
    setValue(result, shares[key]);
    result.textContent = shareText(shares[key]);
    showLogBar(row.querySelector(".log"), shares[key]);
    row.querySelector(".verdict").textContent = key === "cell" || key === "rest" ? "" : verdictOn(shares[key]);
  });
}

/** A word with its three bars. */
function tile(word) {
  const bars = ["rnn", "lstm", "gru"].map(logBar);
  const text = isolated(word);
  text.title = visible(word);
  const node = element("span", { class: "tile" }, text, ...bars, element("span", { class: "unseen" }));
  return { node, bars, unseen: node.lastChild };
}

const CHART = { height: 300, left: 52, right: 14, top: 12, bottom: 34 };

/** The shares over the words, the clue marked; in the direction in which the words are read. */
function drawCurves(box, flow, clue, rightToLeft) {
  const width = Math.max(box.clientWidth, 220);
  const count = flow.rnn.length;
  const [from, to] = rightToLeft ? [width - CHART.right, CHART.left] : [CHART.left, width - CHART.right];
  const x = (t) => (count === 1 ? (from + to) / 2 : from + (t / (count - 1)) * (to - from));
  const y = (place) => CHART.top + (1 - place) * (CHART.height - CHART.top - CHART.bottom);
  const wide = { x1: CHART.left, x2: width - CHART.right };
  const svg = svgElement("svg", {
    width,
    height: CHART.height,
    role: "img",
    "aria-label": "The gradient at each word, on a logarithmic scale; the words above have the same numbers.",
  });
  const shade = { class: "shade", x: CHART.left, width: width - CHART.left - CHART.right };
  svg.append(svgElement("rect", { ...shade, y: y(MARKS.lost), height: y(0) - y(MARKS.lost) }));
  for (let power = LOWEST; power <= HIGHEST; power += 4) {
    const level = y((power - LOWEST) / (HIGHEST - LOWEST));
    svg.append(
      svgElement("line", { class: power === 0 ? "axis" : "grid", ...wide, y1: level, y2: level }),
      svgElement("text", { x: CHART.left - 8, y: level + 4, "text-anchor": "end" }, power === 0 ? "1" : powerText(power)),
    );
  }
  svg.append(
    svgElement("text", { x: CHART.left + 6, y: y(MARKS.lost) + 16 }, "lost in float32"),
    svgElement("line", { class: "clue", x1: x(clue), x2: x(clue), y1: y(1), y2: y(0) }),
    svgElement("text", { x: x(count - 1), y: CHART.height - 10, "text-anchor": rightToLeft ? "start" : "end" }, "blank"),
  );
  if (clue < count * 0.8) {
    svg.append(svgElement("text", { x: x(clue), y: CHART.height - 10, "text-anchor": clue === 0 ? (rightToLeft ? "end" : "start") : "middle" }, "clue"));
  }
  for (const { key } of CURVES) {
    const points = flow[key].flatMap((share, t) => (share === 0 ? [] : `${x(t).toFixed(1)},${y(placeOf(share)).toFixed(1)}`));
    svg.append(svgElement("polyline", { class: `line ${key}`, points: points.join(" ") }));
  }
  box.replaceChildren(svg);
}

function legendOf() {
  return CURVES.map(({ key, says }) => {
    const line = svgElement("svg", { width: 34, height: 12, "aria-hidden": "true" });
    line.append(svgElement("line", { class: `line ${key}`, x1: 0, x2: 34, y1: 6, y2: 6 }));
    return element("li", {}, line, ` ${says}`);
  });
}
