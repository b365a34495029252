"use strict";

// Elements, mathematics and numbers as text: nothing here knows what the page is about.

/** An element with attributes (null leaves one out) and children (text is never read as markup). */
function element(tag, attributes = {}, ...children) {
  return dress(document.createElement(tag), attributes, children);
}

function svgElement(tag, attributes = {}, ...children) {
  return dress(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function dress(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** "C_{t−1}" in italics with a subscript; words of two and more letters, σ and digits stay upright. */
function math(text, classes = "math") {
  const span = element("span", { class: classes });
  const symbol = /([A-Za-zΘ]\u0303?)(?![A-Za-z])(?:_\{([^}]+)\}|_([A-Za-z0-9]))?/gu;
  let end = 0;
  for (const match of text.matchAll(symbol)) {
    if (/[A-Za-z]$/.test(text.slice(0, match.index))) continue; // the last letter of a word, as in tanh
    span.append(text.slice(end, match.index), element("var", {}, match[1]));
    const below = match[2] ?? match[3];
    if (below !== undefined) span.append(element("sub", {}, below));
    end = match.index + match[0].length;
  }
  span.append(text.slice(end));
  return span;
}

const SUPERSCRIPTS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** A number for the eye: a real minus sign, no 0.000 for what is small but not zero, no long tail on a large one. */
function shown(value, digits = 3) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.5 * 10 ** -digits || size >= 1e5)) {
    const [mantissa, exponent] = value.toExponential(1).split("e");
    return minus(`${mantissa}·10${[...exponent.replace("+", "")].map((sign) => SUPERSCRIPTS[sign]).join("")}`);
  }
  return minus((value === 0 ? 0 : value).toFixed(size >= 100 ? 1 : digits)); // -0 is 0
}

/** Two decimals, or three where two would round: what a sum is filled in with. */
function short(value) {
  const two = shown(value, 2);
  if (value === 0 || Math.abs(value - Number(value.toFixed(2))) < 1e-9) return two;
  return shown(value, 3);
}

/** The same in brackets when it is negative, for the middle of a sum or of a product. */
function inner(value, write = short) {
  return value < 0 ? `(${write(value)})` : write(value);
}

function minus(text) {
  return text.replaceAll("-", "−");
}

/** Full precision: what a script reads. */
function setValue(node, value) {
  node.dataset.value = String(value);
}
