"use strict";

// A heat map on a canvas: units over time. It knows numbers and colours, and nothing about models.

const LEAST_WIDTH = 14; // pixels of a cell: as narrow as a finger or a mouse still hits
const WIDEST_CANVAS = 16000; // pixels of the device; browsers refuse wider ones

/** The size of a cell for so many steps and units in a given width. */
function cellSize(width, steps, units) {
  const least = Math.max(1, Math.min(LEAST_WIDTH, Math.floor(WIDEST_CANVAS / steps)));
  return {
    width: Math.max(least, Math.min(64, Math.floor(width / steps))),
    height: Math.max(5, Math.min(26, Math.floor(440 / units))),
  };
}

/** All cells of a quantity, painted once: { picture, ratio, cell, colours } for `showMap`. */
function paintMap(canvas, quantity, cell) {
  const { steps, units } = quantity;
  const ratio = Math.min(window.devicePixelRatio || 1, WIDEST_CANVAS / (steps * cell.width));
  const picture = document.createElement("canvas");
  canvas.width = picture.width = Math.round(steps * cell.width * ratio);
  canvas.height = picture.height = Math.round(units * cell.height * ratio);
  canvas.style.width = `${steps * cell.width}px`;
  canvas.style.height = `${units * cell.height}px`;
  const brush = picture.getContext("2d");
  brush.scale(ratio, ratio);
  const colours = coloursOf(canvas);
  const shades = Array.from({ length: 511 }, (_, k) => shade(colours, (k - 255) / 255, quantity.gate));
  for (let t = 0; t < steps; t++) {
    for (let unit = 0; unit < units; unit++) paintCell(brush, quantity, cell, shades, colours, t, unit);
  }
  return { picture, ratio, cell, colours, units };
}

function paintCell(brush, quantity, cell, shades, colours, t, unit) {
  const share = quantity.at(t, unit) / quantity.scale;
  const x = t * cell.width;
  const y = unit * cell.height;
  brush.fillStyle = shades[Math.round(255 * Math.max(-1, Math.min(1, share))) + 255];
  brush.fillRect(x, y, cell.width - (cell.width > 6 ? 1 : 0), cell.height - (cell.height > 6 ? 1 : 0));
  if (share < -0.02 && cell.width >= 8) { // the sign, for who does not see the hue
    brush.fillStyle = share < -0.6 ? colours.onStrong : colours.onWeak;
    brush.fillRect(x + cell.width / 2 - 3, y + cell.height / 2 - 1, 5, 1);
  }
}

/** The painted map up to the chosen cell: later steps are pale, the chosen step and unit have a frame. */
function showMap(canvas, { picture, ratio, cell, colours, units }, chosen) {
  const brush = canvas.getContext("2d");
  const past = Math.round((chosen.step + 1) * cell.width * ratio);
  brush.setTransform(1, 0, 0, 1, 0, 0);
  brush.clearRect(0, 0, canvas.width, canvas.height);
  brush.globalAlpha = 0.22;
  brush.drawImage(picture, 0, 0);
  brush.globalAlpha = 1;
  brush.clearRect(0, 0, past, canvas.height);
  if (past && picture.height) brush.drawImage(picture, 0, 0, past, picture.height, 0, 0, past, picture.height);
  brush.scale(ratio, ratio);
  outline(brush, colours, cell.width * chosen.step, 0, cell.width, cell.height * units);
  outline(brush, colours, cell.width * chosen.step, cell.height * chosen.unit, cell.width, cell.height);
}

function outline(brush, colours, x, y, width, height) {
  for (const [line, colour] of [[4, colours.onStrong], [2, colours.onWeak]]) { // seen on light and on dark cells
    brush.lineWidth = line;
    brush.strokeStyle = colour;
    brush.strokeRect(x + 1, y + 1, Math.max(1, width - 2), Math.max(1, height - 2));
  }
}

/** A colour between that of 0 and that of 1, or that of -1. */
function shade(colours, share, isGate) {
  const size = Math.min(1, Math.abs(share));
  const end = isGate || share >= 0 ? colours.full : colours.negative;
  const mixed = colours.none.map((start, k) => Math.round(start + (end[k] - start) * size));
  return `rgb(${mixed.join(" ")})`;
}

/** The page's colours as the theme has them now. */
function coloursOf(node) {
  const style = getComputedStyle(node);
  const read = (name) => style.getPropertyValue(name).trim();
  const numbers = (name) => [1, 3, 5].map((at) => parseInt(read(name).slice(at, at + 2), 16));
  return {
    none: numbers("--none"),
    full: numbers("--full"),
    negative: numbers("--negative"),
    onWeak: read("--on-weak"),
    onStrong: read("--on-strong"),
  };
}

/** An array of the page's data: little-endian bytes in their own precision. */
function unpack(quantity, steps) {
  const bytes = Uint8Array.from(atob(quantity.bytes), (sign) => sign.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const width = quantity.bits / 8;
  const units = quantity.count;
  const at = (t, unit) => {
    const place = (t * units + unit) * width;
    return width === 4 ? view.getFloat32(place, true) : view.getFloat64(place, true);
  };
  let largest = 0;
  for (let t = 0; t < steps; t++) for (let unit = 0; unit < units; unit++) largest = Math.max(largest, Math.abs(at(t, unit)));
  const scale = quantity.gate ? 1 : largest || 1;
  const named = (unit) => (quantity.units ? quantity.units[unit] : String(unit));
  return { ...quantity, steps, units, names: quantity.units, named, at, scale };
}
