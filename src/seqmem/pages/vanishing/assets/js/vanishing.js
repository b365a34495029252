// Putting it together: the settings, the sentence that they make, and what reaches its words.

const DATA = JSON.parse(document.getElementById("data").textContent);
const REST = 400; // milliseconds without a change before a listener is told, and the address follows
const CLUE = "Japan"; // the lecture's, where a sentence has it

const SETTINGS = [
  { key: "distance", says: "words between clue and blank", min: 0, max: MOST_DISTANCE, step: 1, least: 0, most: MOST_DISTANCE },
  { key: "radius", says: "RNN: spectral radius", min: 0.1, max: 2, step: 0.05, least: 0, most: 10 },
  { key: "forget", says: "LSTM: forget bias", min: -3, max: 6, step: 0.1, least: -100, most: 100 },
  { key: "update", says: "GRU: update bias", min: -6, max: 3, step: 0.1, least: -100, most: 100 },
];
const START = { radius: 1, forget: 1, update: -2, faint: false };
const PRESETS = [
  { name: "As the library starts", ...START },
  { name: "Vanishing", radius: 0.5, forget: 0, update: 0, faint: false },
  { name: "Gates open", radius: 1, forget: 4, update: -4, faint: false },
  { name: "Exploding", radius: 1.3, forget: 1, update: 0, faint: true },
];

const byId = (id) => document.getElementById(id);

class Sentence {
  constructor() {
    this.settings = { ...START, distance: 0 };
    this.known = {}; // of the networks, by kind
    byId("settings").append(...SETTINGS.map((spec) => settingRow("set", spec, (...change) => this.set(...change))));
    byId("outcome").append(...outcomeRows());
    byId("strip").append(...stripCells());
    byId("legend").append(...legendOf());
    byId("presets").append(...PRESETS.map((preset) => this.presetButton(preset)));
    byId("text").addEventListener("input", () => this.read(byId("text").value));
    byId("faint").addEventListener("change", () => this.set("faint", byId("faint").checked, null));
    window.addEventListener("hashchange", () => this.open());
    new ResizeObserver(() => this.draw()).observe(byId("chart"));
    this.open();
  }

  /** Start from the address. */
  open() {
    const named = readAddress();
    Object.assign(this.settings, START);
    for (const { key, least, most } of SETTINGS) {
      const value = parseNumber(named[key] ?? "");
      if (value >= least && value <= most) this.settings[key] = value;
    }
    this.settings.faint = "faint" in named;
    byId("text").value = named.text ?? DATA.text;
    const clue = parseNumber(named.clue ?? "");
    this.read(byId("text").value, Number.isInteger(clue) ? clue : null);
    const distance = parseNumber(named.distance ?? "");
    if (distance >= 0 && distance <= MOST_DISTANCE && this.words.length) this.set("distance", Math.round(distance), null);
  }

  /** Take the sentence; the clue is the one named, the lecture's, or the first word. */
  read(text, clue = null) {
    const words = wordsOf(text);
    this.words = words.slice(0, MOST_WORDS);
    const known = this.words.indexOf(CLUE);
    this.clue = clue !== null && clue >= 0 && clue < this.words.length ? clue : Math.max(known, 0);
    byId("text-problem").textContent =
      words.length === 0
        ? "There is no word yet. Write a sentence, and the gradient has somewhere to go."
        : words.length > MOST_WORDS
          ? `Only the first ${MOST_WORDS} of ${words.length} words are read.`
          : "";
    byId("text").setAttribute("aria-invalid", String(words.length === 0));
    this.settings.distance = Math.min(Math.max(this.words.length - 1 - this.clue, 0), MOST_WORDS);
    this.show(null, null);
  }

  set(key, value, source) {
    this.settings[key] = key === "distance" ? Math.round(value) : value;
    this.show(key, source);
  }

  presetButton({ name, ...values }) {
    const button = element("button", { type: "button" }, name);
    button.addEventListener("click", () => {
      Object.assign(this.settings, values);
      this.show(null, null);
    });
    return button;
  }

  show(key, source) {
    const { settings } = this;
    for (const spec of SETTINGS) showSetting("set", spec.key, settings[spec.key], spec.key === key ? source : null);
    byId("faint").checked = settings.faint;
    document.body.dataset.empty = String(this.words.length === 0);
    if (this.words.length === 0) {
      this.flow = null;
    } else {
      this.shown = atDistance(this.words, this.clue, settings.distance);
      this.flow = flowOver(this.shown, DATA.weights, DATA.inputs, settings, this.known);
    }
    this.showWords();
    this.draw();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.tell(), REST);
  }

  /** New tiles where the words are others, new bars where only the numbers are. */
  showWords() {
    const words = this.flow ? this.shown : [];
    const same = words.join(" ") === this.tiled && this.tiles?.length === words.length;
    if (!same) this.layTiles(words);
    this.tiles.forEach(({ bars }, t) =>
      ["rnn", "lstm", "gru"].forEach((kind, k) => showLogBar(bars[k], this.flow[kind][t])),
    );
    if (!this.flow) return;
    this.row.select(this.clue);
    const clue = this.shown[this.clue];
    byId("clue").textContent = `“${visible(clue)}”`;
    const between = this.settings.distance;
    byId("where").textContent =
      between === 0
        ? "The word just before the blank: the gradient has not gone anywhere yet."
        : `${between} ${between === 1 ? "word stands" : "words stand"} between it and the blank. Of the gradient at the last word, this part arrives:`;
    const shares = Object.fromEntries(CURVES.map(({ key }) => [key, this.flow[key][this.clue]]));
    showOutcome(byId("outcome"), shares);
    showStrip(byId("strip"), shares);
  }

  layTiles(words) {
    this.tiles = words.map(tile);
    this.tiled = words.join(" ");
    const choose = (index) => {
      this.words = [...this.shown];
      this.clue = index;
      this.set("distance", this.words.length - 1 - index, null);
    };
    this.row = choiceOf("The clue", this.tiles.map(({ node }) => node), choose, { dir: directionOf(words) });
    const focused = byId("words").contains(document.activeElement);
    byId("words").replaceChildren(this.row.group);
    if (words.length) this.row.group.append(element("span", { class: "blank", "aria-hidden": "true" }, "____"));
    if (focused) this.row.buttons[this.clue]?.focus();
  }

  draw() {
    if (this.flow) drawCurves(byId("chart"), this.flow, this.clue, directionOf(this.shown) === "rtl");
    else byId("chart").replaceChildren();
  }

  /** Once the changes have stopped: one sentence, a name for each tile, and the address. */
  tell() {
    const named = Object.entries(this.settings).filter(([key, value]) => key !== "faint" && value !== START[key]);
    const settings = Object.fromEntries(named);
    if (this.settings.faint) settings.faint = "";
    const text = this.words.join(" ");
    if (text !== wordsOf(DATA.text).join(" ")) settings.text = text;
    if (this.clue !== Math.max(this.words.indexOf(CLUE), 0)) settings.clue = this.clue;
    if (this.settings.distance === this.words.length - 1 - this.clue) delete settings.distance;
    if (this.words.length || "text" in settings) writeAddress(settings);
    if (!this.flow) return;
    this.tiles.forEach(({ unseen }, t) => {
      const parts = ["rnn", "lstm", "gru"].map((kind) => `${kind.toUpperCase()} ${shareText(this.flow[kind][t])}`);
      unseen.textContent = `: ${parts.join(", ")}`;
    });
    const heard = ["rnn", "lstm", "gru"].map((kind) => {
      const share = this.flow[kind][this.clue];
      return `${kind.toUpperCase()} ${shareText(share)}, ${verdictOn(share)}`;
    });
    byId("spoken").textContent = `At ${spoken(this.shown[this.clue])}: ${heard.join("; ")}`;
  }
}

new Sentence();
