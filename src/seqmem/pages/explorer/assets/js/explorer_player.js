// Playing a sequence. The run is a function of the settings and of the numbers in the field, so a slider that moves
// while a sequence is on changes all its steps at once; the player itself only knows how many of them are in sight.

const PACE = 900; // milliseconds a step

class Player {
  /** `shown(step)` is called with the step in sight, or undefined. */
  constructor(kind, settings, shown) {
    this.shown = shown;
    this.kind = kind;
    this.settings = settings; // the panel's own object, always up to date
    this.xs = [];
    this.seen = 0;
    this.timer = null;
    this.build();
    this.read();
  }

  build() {
    const { key } = this.kind;
    const button = (name, text, act) => {
      const node = element("button", { type: "button", id: `${key}-${name}` }, text);
      node.addEventListener("click", act);
      return node;
    };
    this.field = element("input", {
      type: "text",
      id: `${key}-sequence`,
      class: "sequence",
      "aria-describedby": `${key}-sequence-problem`,
      autocomplete: "off",
      spellcheck: "false",
    });
    this.field.value = this.kind.sequence;
    this.field.addEventListener("input", () => this.read());
    this.problem = element("p", { class: "problem", id: `${key}-sequence-problem`, "aria-live": "polite" });
    this.playButton = button("play", "Play", () => (this.timer === null ? this.play() : this.pause()));
    this.where = element("p", { class: "where", id: `${key}-where`, "aria-live": "polite" });
    this.now = flow(this.kind, "now");
    this.chart = element("div", { class: "chart", id: `${key}-chart` });
    this.table = historyTable(this.kind);
    this.figure = element("div", { class: "halves" }, this.now, this.chart);
    const from = this.kind === LSTM ? "h_{t−1} and C_{t−1}" : "h_{t−1}";
    this.node = element(
      "section",
      { class: "card player", "aria-labelledby": `${key}-player-title` },
      element("h2", { id: `${key}-player-title` }, "Play a sequence"),
      element(
        "p",
        { class: "quiet" },
        "The unit reads these inputs one after the other, with the weights set above, starting from the ",
        math(from),
        " set above. Move a slider, and the whole run changes with it.",
      ),
      element(
        "label",
        { for: `${key}-sequence`, class: "sequence-label" },
        "Inputs ",
        math("x_1, x_2, …"),
        ", separated by spaces or commas",
      ),
      this.field,
      this.problem,
      element(
        "div",
        { class: "buttons" },
        button("step", "Step", () => this.step()),
        this.playButton,
        button("reset", "Reset", () => this.reset()),
      ),
      this.where,
      this.figure,
      this.table,
    );
    new ResizeObserver(() => this.show()).observe(this.chart);
  }

  take(text) {
    this.field.value = text;
    this.read();
  }

  /** Take the numbers from the field, or say in place what is wrong with them. */
  read() {
    try {
      this.xs = parseSequence(this.field.value);
      this.problem.textContent = "";
    } catch (error) {
      this.xs = [];
      this.problem.textContent = error.message;
    }
    this.field.setAttribute("aria-invalid", String(this.xs.length === 0));
    this.reset();
  }

  step() {
    this.seen = Math.min(this.seen + 1, this.xs.length);
    if (this.seen === this.xs.length) this.pause();
    this.show();
  }

  play() {
    if (this.xs.length === 0) return;
    if (this.seen === this.xs.length) this.seen = 0;
    this.timer = setInterval(() => this.step(), PACE);
    this.playButton.textContent = "Pause";
    this.step();
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.playButton.textContent = "Play";
  }

  reset() {
    this.pause();
    this.seen = 0;
    this.show();
  }

  show() {
    const run = unroll(this.kind, this.settings, this.xs);
    const past = run.slice(0, this.seen);
    const last = past.at(-1);
    this.shown(last);
    this.node.dataset.step = String(this.seen);
    this.where.textContent = this.sentence(last);
    this.figure.hidden = last === undefined;
    this.table.hidden = last === undefined;
    if (last === undefined) return;
    showFlow(this.kind, this.now, last);
    fillHistory(this.kind, this.table, past);
    drawChart(this.kind, this.chart, run, this.seen);
  }

  sentence(last) {
    if (this.xs.length === 0) return "Nothing to play yet.";
    if (last === undefined) return `${this.xs.length} ${this.xs.length === 1 ? "step" : "steps"} to play.`;
    const end = this.seen === this.xs.length ? " That was the last step: the table below has the whole history." : "";
    return `Step ${this.seen} of ${this.xs.length}, input ${short(last.x)}. ${this.kind.tell(last)}${end}`;
  }
}

/** Roles are written out because narrow screens lay the rows out as blocks, which would take them away. */
function historyTable(kind) {
  const heads = ["t", "x", ...kind.history].map((key) =>
    element("th", { scope: "col", role: "columnheader" }, math(SYMBOLS[key])),
  );
  return element(
    "table",
    { class: "history", id: `${kind.key}-history`, role: "table" },
    element("caption", {}, "Every step so far"),
    element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...heads)),
    element("tbody", { role: "rowgroup" }),
  );
}

function fillHistory(kind, table, past) {
  const rows = past.map((r, index) => {
    const cell = (key, value, text) => {
      const node = element(
        "td",
        { role: "cell", "data-name": key },
        element("span", { class: "cell-name", "aria-hidden": "true" }, math(SYMBOLS[key])),
        text,
      );
      setValue(node, value);
      return node;
    };
    const row = element("tr", { role: "row" }, cell("t", index + 1, String(index + 1)), cell("x", r.x, short(r.x)));
    row.append(...kind.history.map((key) => cell(key, r[key], shown(r[key]))));
    return row;
  });
  table.tBodies[0].replaceChildren(...rows);
}

const CHART = { height: 210, left: 46, right: 34, top: 12, bottom: 30 };
const LINES = ["first", "second"]; // a full line with circles, a dashed one with squares

/** The state over time: a point a step, joined; the axes are those of the whole run, so that they stand still. */
function drawChart(kind, box, run, seen) {
  const width = Math.max(box.clientWidth, 220);
  const names = kind.chart;
  const start = (key) => run[0][`${key}_prev`];
  const values = run.flatMap((r) => names.map((key) => r[key])).concat(names.map(start));
  const limit = roundLimit([Math.max(...names.map((key) => kind.scales[key])), ...values]);
  const low = run.some((r) => names.some((key) => r[key] < 0)) || names.some((key) => start(key) < 0) ? -limit : 0;
  const x = (t) => CHART.left + (t / run.length) * (width - CHART.left - CHART.right);
  const y = (value) => CHART.top + ((limit - value) / (limit - low)) * (CHART.height - CHART.top - CHART.bottom);
  const svg = svgElement("svg", {
    width,
    height: CHART.height,
    role: "img",
    "aria-label": `${kind === LSTM ? "C and h" : "h"} over the steps so far; the table below has the same numbers.`,
  });
  for (const value of low < 0 ? [low, 0, limit] : [0, limit / 2, limit]) {
    svg.append(
      svgElement("line", {
        class: value === 0 ? "axis" : "grid",
        x1: CHART.left,
        x2: width - CHART.right,
        y1: y(value),
        y2: y(value),
      }),
      svgElement(
        "text",
        { class: "tick", x: CHART.left - 8, y: y(value) + 4, "text-anchor": "end" },
        minus(String(value)),
      ),
    );
  }
  const every = Math.ceil(run.length / Math.floor((width - 80) / 26));
  for (let t = 0; t <= run.length; t += every) {
    svg.append(
      svgElement(
        "text",
        { class: "tick", x: x(t), y: CHART.height - 10, "text-anchor": "middle" },
        t === 0 ? "start" : String(t),
      ),
    );
  }
  const ends = [];
  for (const [index, key] of names.entries()) {
    const points = [start(key), ...run.slice(0, seen).map((r) => r[key])].map((value, t) => [x(t), y(value)]);
    svg.append(
      svgElement("polyline", {
        class: `line ${LINES[index]}`,
        points: points.map((point) => point.join(",")).join(" "),
      }),
    );
    if (run.length <= 40) svg.append(...points.map(([px, py]) => mark(LINES[index], px, py)));
    ends.push({ name: key === "c" ? "C" : "h", line: LINES[index], x: points.at(-1)[0], y: points.at(-1)[1] });
  }
  svg.append(...endLabels(ends));
  box.replaceChildren(svg, legend(names));
}

function mark(line, x, y) {
  if (line === "first") return svgElement("circle", { class: `mark ${line}`, cx: x, cy: y, r: 4 });
  return svgElement("rect", { class: `mark ${line}`, x: x - 3.5, y: y - 3.5, width: 7, height: 7 });
}

/** Each line's name at its end, pushed apart where the lines meet. */
function endLabels(ends) {
  const [upper, lower] = [...ends].sort((one, other) => one.y - other.y);
  if (lower !== undefined && lower.y - upper.y < 15) {
    const middle = (upper.y + lower.y) / 2;
    [upper.y, lower.y] = [middle - 7.5, middle + 7.5];
  }
  return ends.map(({ name, line, x, y }) => svgElement("text", { class: `end ${line}`, x: x + 9, y: y + 5 }, name));
}

function legend(names) {
  const both = "C, the cell state: circles, full line · h, the output: squares, dashed line";
  return element("p", { class: "legend quiet" }, names.length > 1 ? both : "h, the state, after every step");
}
