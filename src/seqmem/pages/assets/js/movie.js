"use strict";

// The movie: a part of the model and a quantity are chosen, the steps play, the map and the table follow.

const PACE = 700; // milliseconds a step
const LINE = 15; // pixels that the name of a unit needs

const DATA = JSON.parse(document.getElementById("data").textContent);
const parts = DATA.parts.map((part) => ({
  ...part,
  quantities: part.quantities.map((quantity) => unpack(quantity, part.steps.length)),
}));

class Movie {
  /** A part at the quantity, step and unit that `named` names, or where they begin. `moved` hears of each choice. */
  constructor(part, named, moved) {
    this.part = part;
    this.moved = moved;
    const known = part.quantities.find(({ name }) => name === named.show);
    this.quantity = known ?? part.quantities.find(({ name }) => /(^|\.)[fz]$/.test(name)) ?? part.quantities[0];
    const within = (text, last, otherwise) => (/^\d+$/.test(text ?? "") ? Math.min(Number(text), last) : otherwise);
    const last = part.steps.length - 1;
    this.chosen = { step: within(named.t, last, last), unit: within(named.unit, (this.quantity?.units ?? 1) - 1, 0) };
    this.timer = null;
    this.map = null; // painted once it has a width
    this.cell = { width: LEAST_WIDTH, height: LINE };
    this.node = element("div", { class: "part" });
    if (part.steps.length && part.quantities.length) this.build();
    else this.node.append(element("p", { class: "message" }, "This part took no step: its input is empty."));
  }

  build() {
    const kinds = choiceOf("What to show", this.part.quantities.map(labelOf), (index) => this.turn(this.part.quantities[index]), { "data-quantities": "" });
    kinds.select(this.part.quantities.indexOf(this.quantity));
    this.meaning = element("p", { class: "quiet" });
    this.heads = element("div", { class: "heads", "aria-hidden": "true" });
    this.canvas = element("canvas", { "data-map": "" });
    this.axis = element("div", { class: "axis", "aria-hidden": "true" });
    this.frame = element("div", {
      class: "map", tabindex: 0, role: "application", "aria-roledescription": "heat map", "aria-describedby": "how",
    }, element("div", { class: "corner", "aria-hidden": "true" }), this.heads, this.axis, this.canvas);
    this.scroller = element("div", { class: "film" }, this.frame);
    this.readout = element("p", { class: "readout", role: "status", "data-readout": "" });
    this.body = element("tbody");
    this.head = element("tr");
    this.caption = element("h2", { id: "of-step" });
    this.table = element("table", { "data-table": "", "aria-labelledby": "of-step" }, element("thead", {}, this.head), this.body);
    this.frameOfTable = element("div", { class: "scroller", tabindex: 0, role: "region", "aria-label": "Values of the chosen step" }, this.table);
    this.legend = element("div", { class: "legend" });
    this.node.append(
      kinds.group, this.meaning, this.controls(),
      element("div", { class: "halves" },
        element("div", { class: "side" }, this.scroller, this.legend, this.readout,
          element("p", { class: "quiet", id: "how" }, "On the map: arrow keys go from step to step and from unit to unit, Home and End to the first and the last step.")),
        element("div", { class: "side" }, this.caption, this.frameOfTable)));
    this.listen();
    this.show(this.quantity);
  }

  controls() {
    const button = (text, act, attributes) => {
      const node = element("button", { type: "button", ...attributes }, text);
      node.addEventListener("click", act);
      return node;
    };
    this.play = button("Play", () => (this.timer === null ? this.start() : this.stop()), { "data-play": "" });
    this.slider = element("input", { type: "range", min: 0, max: this.part.steps.length - 1, step: 1, id: "step", "data-step": "" });
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
    this.where = element("output", { for: "step", class: "where" });
    return element("div", { class: "controls" },
      this.play,
      button("Back", () => this.go(this.chosen.step - 1), { "data-back": "" }),
      button("Next", () => this.go(this.chosen.step + 1), { "data-next": "" }),
      element("label", { for: "step" }, "Step"), this.slider, this.where);
  }

  listen() {
    this.canvas.addEventListener("pointermove", (event) => this.read(this.under(event)));
    this.canvas.addEventListener("pointerleave", () => this.read(this.chosen));
    this.canvas.addEventListener("click", (event) => this.choose(this.under(event)));
    this.frame.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.scroller);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** Another quantity, chosen by hand. */
  turn(quantity) {
    this.show(quantity);
    this.moved(this);
  }

  /** Show another quantity of the same part. */
  show(quantity) {
    this.quantity = quantity;
    this.chosen.unit = Math.min(this.chosen.unit, quantity.units - 1);
    this.meaning.textContent = quantity.meaning ? `${capital(quantity.meaning)}.` : `The trace named ${quantity.name}.`;
    this.frame.setAttribute("aria-label", `${titleOf(quantity)}: ${quantity.units} units over ${quantity.steps} steps`);
    this.legend.replaceChildren(...legendOf(quantity));
    this.columns = this.part.quantities.filter((other) => other.axis === quantity.axis && other.units === quantity.units);
    this.head.replaceChildren(element("th", { scope: "col" }, quantity.axis),
      ...this.columns.map((other) => headOf(other, other === quantity)));
    this.rows = Array.from({ length: quantity.units }, (_, unit) => rowOf(this.columns, quantity, unit));
    this.body.replaceChildren(...this.rows);
    this.draw();
    this.tell();
  }

  go(step) {
    this.choose({ step: Math.max(0, Math.min(this.part.steps.length - 1, step)), unit: this.chosen.unit });
  }

  choose(cell) {
    const isOther = cell.unit !== this.chosen.unit;
    this.chosen = cell;
    if (isOther) this.frameOfTable.scrollTop = this.rows[cell.unit].offsetTop - this.frameOfTable.clientHeight / 2;
    this.follow();
    this.tell();
    this.moved(this);
  }

  /** Everything in words and numbers that depends on the chosen cell. */
  tell() {
    const { step, unit } = this.chosen;
    const where = `${step + 1} of ${this.part.steps.length} (t = ${step}): ${spoken(this.part.steps[step])}`;
    this.slider.value = String(step);
    this.slider.setAttribute("aria-valuetext", where);
    this.where.replaceChildren(`${step + 1} of ${this.part.steps.length} (t = ${step}): `, element("strong", {}, isolated(this.part.steps[step])));
    this.caption.replaceChildren(`All values at t = ${step}: `, isolated(this.part.steps[step]));
    this.rows.forEach((row, at) => {
      if (at === unit) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
      this.columns.forEach((column, k) => fill(row.cells[k + 1], column.at(step, at)));
    });
    this.read(this.chosen);
  }

  /** The value of one cell, under the pointer or chosen. */
  read({ step, unit }) {
    const value = this.quantity.at(step, unit);
    const unitName = this.quantity.names ? [quotedName(this.quantity.named(unit))] : [`${this.quantity.axis.toLowerCase()} ${unit}`];
    this.readout.replaceChildren(titleOf(this.quantity), ", ", ...unitName, `, t = ${step} (`, isolated(this.part.steps[step]), "): ",
      element("strong", {}, shown(value, 4)));
    setValue(this.readout, value);
  }

  /** Everything on the map: for another quantity, width or theme. */
  draw() {
    if (!this.scroller?.clientWidth) return; // nothing to draw, or not on the page yet
    this.label();
    this.cell = cellSize(this.scroller.clientWidth - this.axis.offsetWidth - 8, this.quantity.steps, this.quantity.units);
    this.label();
    this.map = paintMap(this.canvas, this.quantity, this.cell);
    this.follow();
  }

  /** What the chosen cell changes on the map. */
  follow() {
    if (!this.map) return;
    showMap(this.canvas, this.map, this.chosen);
    [...this.heads.children].forEach((head, step) => head.classList.toggle("now", step === this.chosen.step));
    const left = this.chosen.step * this.cell.width;
    const sight = this.scroller.clientWidth - this.axis.offsetWidth;
    const { scrollLeft } = this.scroller;
    if (left < scrollLeft || left + this.cell.width > scrollLeft + sight) this.scroller.scrollLeft = left - sight / 2;
  }

  /** The steps' names above their columns, the units' beside their rows. */
  label() {
    if (!this.heads.childElementCount) this.heads.append(...this.part.steps.map((step) => element("span", {}, isolated(step))));
    this.heads.classList.toggle("upright", this.cell.width < 48);
    this.heads.style.setProperty("--cell", `${this.cell.width}px`);
    const every = Math.ceil(LINE / this.cell.height); // as many names as there is room for
    const names = Array.from({ length: Math.ceil(this.quantity.units / every) }, (_, k) => this.quantity.named(k * every));
    this.axis.style.setProperty("--line", `${every * this.cell.height}px`);
    this.axis.style.setProperty("--all", `${this.quantity.units * this.cell.height}px`);
    this.axis.replaceChildren(...names.map((name) => element("span", {}, isolated(name))));
  }

  under(event) {
    const box = this.canvas.getBoundingClientRect();
    const place = (position, size, count) => Math.max(0, Math.min(count - 1, Math.floor(position / size)));
    return {
      step: place(event.clientX - box.left, this.cell.width, this.quantity.steps),
      unit: place(event.clientY - box.top, this.cell.height, this.quantity.units),
    };
  }

  key(event) {
    const { step, unit } = this.chosen;
    const last = { step: this.quantity.steps - 1, unit: this.quantity.units - 1 };
    const to = {
      ArrowLeft: { step: step - 1, unit },
      ArrowRight: { step: step + 1, unit },
      ArrowUp: { step, unit: unit - 1 },
      ArrowDown: { step, unit: unit + 1 },
      PageUp: { step, unit: unit - 10 },
      PageDown: { step, unit: unit + 10 },
      Home: { step: 0, unit },
      End: { step: last.step, unit },
    }[event.key];
    if (!to || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const within = (axis) => Math.max(0, Math.min(last[axis], to[axis]));
    this.choose({ step: within("step"), unit: within("unit") });
  }

  start() {
    if (this.chosen.step === this.part.steps.length - 1) this.go(0);
    this.play.textContent = "Pause";
    this.readout.setAttribute("aria-live", "off"); // nobody can listen at this pace
    this.timer = setInterval(() => {
      this.go(this.chosen.step + 1);
      if (this.chosen.step === this.part.steps.length - 1) this.stop();
    }, PACE);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.play.textContent = "Play";
    this.readout.setAttribute("aria-live", "polite");
  }
}

/** "forget gate f": the words before the colon of the meaning, and the name. */
function titleOf(quantity) {
  const words = quantity.meaning.split(":")[0];
  return words && words !== quantity.name ? `${words} ${quantity.name}` : quantity.name;
}

function labelOf(quantity) {
  const words = quantity.meaning.split(":")[0];
  const sign = element("span", { class: "name" }, quantity.name);
  return words && words !== quantity.name && words !== "tanh of the cell state" ? element("span", {}, sign, ` ${words}`) : sign;
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function quotedName(symbol) {
  return element("bdi", {}, `“${visible(symbol)}”`);
}

function legendOf(quantity) {
  const edge = shown(quantity.scale, 2);
  if (quantity.gate) return [element("span", {}, "0"), element("span", { class: "ramp" }), element("span", {}, "1")];
  return [element("span", {}, minus(`-${edge}`)), element("span", { class: "ramp signed" }), element("span", {}, edge),
    element("span", { class: "quiet" }, "A dash in a cell: negative.")];
}

function headOf(quantity, isShown) {
  return element("th", { scope: "col", "aria-current": isShown ? "true" : null, title: quantity.meaning || null }, quantity.name);
}

function rowOf(columns, quantity, unit) {
  return element("tr", {}, element("th", { scope: "row" }, isolated(quantity.named(unit))), ...columns.map(() => element("td")));
}

function fill(cell, value) {
  cell.textContent = shown(value, 3);
  setValue(cell, value);
}

/** The text, its part of the model, and the movie of that part; the address keeps what is chosen. */
class Cinema {
  constructor() {
    const perText = parts.length / DATA.texts.length; // an encoder and a decoder each, or one layer
    this.partsOf = (text) => parts.slice(text * perText, (text + 1) * perText);
    this.list = element("select", { id: "text" }, ...DATA.texts.map((text, index) => element("option", { value: index }, lineOf(text, index))));
    this.list.addEventListener("change", () => this.put(Number(this.list.value), this.part, {}, true));
    const pick = element("p", { class: "pick" }, element("label", { for: "text" }, "Text "), this.list);
    pick.hidden = DATA.texts.length === 1;
    this.choice = choiceOf("Part of the model", this.partsOf(0).map(({ name }) => name), (index) => this.put(this.text, index, {}, true), { "data-parts": "" });
    this.choice.group.hidden = perText === 1;
    this.place = element("div");
    document.getElementById("movie").append(pick, this.choice.group, this.place);
    window.addEventListener("hashchange", () => this.open());
    this.open();
  }

  open() {
    const named = readAddress();
    const place = (text, count) => Math.min(Math.max((parseInt(text, 10) || 1) - 1, 0), count - 1);
    this.put(place(named.text, DATA.texts.length), place(named.part, this.partsOf(0).length), named, false);
  }

  put(text, part, named, byHand) {
    if (this.movie?.timer != null) this.movie.stop();
    [this.text, this.part] = [text, part];
    this.list.value = String(text);
    this.choice.select(part);
    this.movie = new Movie(this.partsOf(text)[part], named, (movie) => this.keep(movie));
    this.place.replaceChildren(this.movie.node);
    this.movie.draw(); // at once: the observer calls only with the next frame
    if (byHand) this.keep(this.movie);
  }

  keep({ quantity, chosen }) {
    if (quantity) writeAddress({ text: this.text + 1, part: this.part + 1, show: quantity.name, t: chosen.step, unit: chosen.unit });
  }
}

function lineOf(text, index) {
  const signs = [...text.trim()];
  if (!signs.length) return `${index + 1}. (empty)`;
  return `${index + 1}. ${visible(signs.slice(0, 60).join(""))}${signs.length > 60 ? "…" : ""}`;
}

new Cinema();
