"use strict";

// The attention page: for each sentence a panel per model, in each panel words, a sentence and a matrix.

const STRONG = 0.62; // from this weight on the ground takes the other text colour, see attention.css
const MANY = 12; // input words from which their list may scroll
const NAMED = 3; // words that the sentence under the input names

const { texts } = JSON.parse(document.getElementById("data").textContent);

/** The page for one of the texts, at an output word if the address names one. */
function show(index, word = 0) {
  const panels = texts[index].panels.map((panel, place) => panelOf(panel, place, (step) => keep(index, step), word));
  const place = document.getElementById("panels");
  place.className = panels.length > 1 ? "two" : "one";
  place.replaceChildren(...panels);
}

/** Put the choice into the address, counted from 1. */
function keep(index, step) {
  writeAddress({ sentence: index + 1, word: step + 1 });
}

function panelOf(panel, place, chosen, word) {
  const head = element("h2", { id: `head-${place}` }, headingOf(panel, place));
  const section = element("section", { class: "panel", "aria-labelledby": head.id, "data-panel": place }, head);
  section.append(element("p", { class: "quiet" }, explanation(panel)));
  const notes = notesOn(panel);
  section.append(...notes.map((note) => element("p", { class: "message" }, note)));
  if (panel.source.length && panel.target.length) section.append(wordsAndMatrix(panel, place, chosen, word));
  else section.append(...whatThereIs(panel));
  return section;
}

/** What kind of context a panel's model has, and which of two it is where both are of one kind. */
function headingOf(panel, place) {
  const kind = panel.fixed ? "Fixed context" : "With attention";
  const { panels } = texts[0];
  return panels.length > 1 && panels[0].fixed === panels[1].fixed ? `${kind}, model ${place + 1}` : kind;
}

function explanation(panel) {
  if (panel.fixed) {
    return "This model has no attention. Every step sees the same context, the encoder's final state, whichever " +
      "output word you choose: the weight is 100 % on the last input word at every step.";
  }
  return "Every step has a context of its own: the weighted sum of all encoder states.";
}

/** What a reader should know before looking. */
function notesOn(panel) {
  const notes = [];
  const unit = panel.level === "char" ? "character" : "word";
  if (!panel.source.length) notes.push("The input is empty: there is nothing to look at.");
  if (!panel.target.length) notes.push("The model wrote nothing for this input.");
  if (panel.source.length === 1) notes.push(`The input has one ${unit} only, so all weight is on it.`);
  const unknown = [...new Set(panel.source.filter((_, at) => panel.unknown[at]))];
  if (unknown.length) {
    const more = unknown.length > 8 ? ` and ${unknown.length - 8} more` : "";
    notes.push(`Not in the model's vocabulary: ${unknown.slice(0, 8).map(spoken).join(", ")}${more}.`);
  }
  if (panel.cut) notes.push(`The translation was cut off after ${panel.target.length} ${unit}s.`);
  return notes;
}

/** Of an empty input or output: the other side, as it is. */
function whatThereIs(panel) {
  const sides = [["Input", panel.source], ["Output", panel.target]].filter(([, symbols]) => symbols.length);
  return sides.map(([name, symbols]) =>
    element("p", { dir: directionOf(symbols) }, `${name}: `, element("bdi", {}, symbols.map(visible).join(" "))));
}

function wordsAndMatrix(panel, place, chosen, word) {
  const source = sourceOf(panel);
  const choose = (step) => {
    look(step);
    chosen(step);
  };
  const matrix = matrixOf(panel, place, (step) => {
    output.select(step);
    choose(step);
  });
  const said = element("p", { class: "said", role: "status", "data-said": "" });
  const look = (step) => {
    source.shade(panel.weights[step]);
    matrix.mark(step);
    said.replaceChildren(...sentenceOn(panel, step));
  };
  const output = choiceOf("Output words", panel.target.map(isolated), choose, {
    dir: directionOf(panel.target), class: "choice words", "data-output": "",
  });
  const first = Math.min(word, panel.target.length - 1);
  output.select(first);
  look(first);
  return element("div", { class: "sides" },
    element("div", { class: "side" },
      element("h3", {}, "Output: choose a word"), output.group,
      element("h3", {}, "Input: where it looked"), source.list, said),
    element("div", { class: "side" }, element("h3", {}, "All steps, in percent"), matrix.scroller));
}

/** The input words, each with its percentage and a bar. */
function sourceOf(panel) {
  const tiles = panel.source.map((symbol, at) => {
    const share = element("span", { class: "share", dir: "ltr" });
    const word = element("span", { class: panel.unknown[at] ? "word unknown" : "word" }, isolated(symbol));
    return { share, node: element("li", { class: "tile" }, word, share, element("span", { class: "bar" })) };
  });
  const attributes = { class: "tiles words", dir: directionOf(panel.source), "aria-label": "Input words", "data-source": "" };
  if (tiles.length > MANY) attributes.tabindex = 0; // it scrolls, and a keyboard must reach it
  const list = element("ol", attributes, ...tiles.map((tile) => tile.node));
  const shade = (weights) => {
    tiles.forEach((tile, at) => {
      tile.share.textContent = `${percent(weights[at])}\u00a0%`;
      shadeBy(tile.node, weights[at]);
    });
    bringIntoSight(list, tiles[largestOf(weights)].node);
  };
  return { list, shade };
}

function largestOf(weights) {
  return weights.indexOf(Math.max(...weights));
}

/** Scroll a list to one of its nodes, unless it is in sight; the page itself stays where it is. */
function bringIntoSight(list, node) {
  const [frame, box] = [list.getBoundingClientRect(), node.getBoundingClientRect()];
  const middle = (from, size) => from + size / 2;
  const isAcross = box.left < frame.left || box.right > frame.right;
  const isBelow = box.top < frame.top || box.bottom > frame.bottom;
  list.scrollBy({
    left: isAcross ? middle(box.left, box.width) - middle(frame.left, frame.width) : 0,
    top: isBelow ? middle(box.top, box.height) - middle(frame.top, frame.height) : 0,
  });
}

/** The ground of a weight: its shade, and the text colour that is readable on it. */
function shadeBy(node, weight) {
  node.style.setProperty("--weight", String(Math.min(1, Math.max(0, weight))));
  node.classList.toggle("strong", weight >= STRONG);
  setValue(node, weight);
}

/** The matrix: a row for each output word, a column for each input word. */
function matrixOf(panel, place, choose) {
  const heads = panel.source.map((symbol) => element("th", { scope: "col" }, isolated(symbol)));
  const rows = panel.target.map((symbol, step) => rowOf(symbol, panel.weights[step]));
  const table = element("table", { class: "matrix", dir: directionOf(panel.source), "data-matrix": "" },
    element("caption", { class: "unseen" }, "Weights in percent. Rows: output words. Columns: input words."),
    element("thead", {}, element("tr", {}, element("td", { class: "corner" }), ...heads)),
    element("tbody", {}, ...rows));
  table.tBodies[0].addEventListener("click", (event) => {
    const step = rows.indexOf(event.target.closest("tr"));
    if (step >= 0) choose(step);
  });
  const scroller = element("div", {
    class: "scroller", tabindex: 0, role: "region", "aria-label": `Matrix of weights, model ${place + 1}`,
  }, table);
  let marked = rows[0];
  const mark = (step) => {
    marked.removeAttribute("aria-current");
    marked = rows[step];
    marked.setAttribute("aria-current", "true");
    bringIntoSight(scroller, marked.cells[largestOf(panel.weights[step]) + 1]);
  };
  return { scroller, mark };
}

function rowOf(symbol, weights) {
  const cells = weights.map((weight) => {
    const cell = element("td", {}, percent(weight));
    shadeBy(cell, weight);
    return cell;
  });
  return element("tr", {}, element("th", { scope: "row" }, isolated(symbol)), ...cells);
}

/** What the chosen step looked at, in words. */
function sentenceOn(panel, step) {
  const weights = panel.weights[step];
  const order = weights.map((_, at) => at).sort((a, b) => weights[b] - weights[a] || a - b);
  const named = order.slice(0, NAMED).filter((at, rank) => rank === 0 || weights[at] >= 0.005);
  const nodes = ["Before ", quoted(panel.target[step]), ` (${step + 1} of ${panel.target.length}) the model looked at `];
  named.forEach((at, rank) => {
    if (rank) nodes.push(rank === named.length - 1 ? " and " : ", ");
    const isRepeated = panel.source.indexOf(panel.source[at]) !== panel.source.lastIndexOf(panel.source[at]);
    nodes.push(quoted(panel.source[at]), `${isRepeated ? ` (number ${at + 1})` : ""} ${percent(weights[at])}\u00a0%`);
  });
  return [...nodes, "."];
}

function quoted(symbol) {
  return element("strong", {}, element("bdi", {}, spoken(symbol)));
}

function start() {
  const list = document.getElementById("sentence");
  texts.forEach(({ text }, index) => list.append(element("option", { value: index }, titleOf(text, index))));
  list.closest("p").hidden = texts.length === 1;
  list.addEventListener("change", () => {
    show(Number(list.value));
    keep(Number(list.value), 0);
  });
  const open = () => {
    const named = readAddress();
    const place = (text, count) => Math.min(Math.max((parseInt(text, 10) || 1) - 1, 0), count - 1);
    const index = place(named.sentence, texts.length);
    list.value = String(index); // a browser may remember another choice over a reload
    show(index, place(named.word, Infinity));
  };
  window.addEventListener("hashchange", open);
  open();
}

function titleOf(text, index) {
  const signs = [...text.trim()];
  if (!signs.length) return `${index + 1}. (empty)`;
  return `${index + 1}. ${visible(signs.slice(0, 60).join(""))}${signs.length > 60 ? "…" : ""}`;
}

start();
