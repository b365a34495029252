// Putting it together: one panel a kind, each with settings of its own; tabs choose between them.

const QUIET_TIME = 500; // milliseconds without a change before a screen reader is told the results

class Panel {
  constructor(kind) {
    this.kind = kind;
    this.node = document.getElementById(`panel-${kind.key}`);
    this.settings = { reset: "before", ...kind.presets[0].values };
    this.preset = 0; // the last one chosen; the address says what differs from it
    const set = (key, value, source) => this.set(key, value, source);
    this.player = new Player(kind, this.settings, (step) => this.follow(step));
    const gates = element(
      "div",
      { class: `gates ${kind.key}` },
      ...kind.gates.map((gate) => gateCard(kind, gate, set)),
    );
    const inputs = element("div", { class: "inputs-row" }, inputCard(kind, set));
    if (kind === GRU) inputs.append(resetSwitch(set));
    this.node.querySelector(".lead").after(
      presetRow(kind, (index) => this.apply(index)),
      strip(kind),
      inputs,
      gates,
      updateCard(kind),
    );
    this.node.append(this.player.node, namesTable(kind));
    this.player.field.addEventListener("input", () => this.tell());
    this.apply(0);
    clearTimeout(this.waiting); // nothing has changed yet
  }

  set(key, value, source) {
    this.settings[key] = value;
    if (key !== "reset") {
      // which a preset leaves open
      showSetting(this.kind.key, key, value, source);
      this.markPreset(null);
    }
    this.show();
    this.tell();
  }

  apply(index) {
    const { values } = this.kind.presets[index];
    Object.assign(this.settings, values);
    for (const [key, value] of Object.entries(values)) showSetting(this.kind.key, key, value, null);
    this.preset = index;
    this.markPreset(index);
    this.show();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.keep(), QUIET_TIME);
  }

  /** Take what an address names: a preset, the reset, and numbers of the reader's own. */
  open(named) {
    const index = this.kind.presets.findIndex(({ name }) => slug(name) === named.preset);
    this.settings.reset = named.reset === "after" ? "after" : "before";
    this.apply(Math.max(index, 0));
    this.player.take(named.sequence ?? this.kind.sequence);
    for (const key of Object.keys(this.settings)) {
      const value = parseNumber(named[key] ?? "");
      if (Math.abs(value) <= SETTING_LIMIT) this.set(key, value, null);
    }
  }

  /** What `open` reads: nothing where everything is as the page opens. */
  address() {
    const { values, name } = this.kind.presets[this.preset];
    const own = Object.entries(this.settings).filter(([key, value]) => key !== "reset" && value !== values[key]);
    return {
      ...(this.preset > 0 ? { preset: slug(name) } : {}),
      ...(this.settings.reset === "after" ? { reset: "after" } : {}),
      ...(this.player.field.value === this.kind.sequence ? {} : { sequence: this.player.field.value }),
      ...Object.fromEntries(own),
    };
  }

  markPreset(index) {
    this.node
      .querySelectorAll(".presets button")
      .forEach((button, at) => button.setAttribute("aria-pressed", String(at === index)));
    const says = this.node.querySelector(".preset-says");
    const text = index === null ? "Your own values." : this.kind.presets[index].says;
    if (says.textContent !== text) says.textContent = text; // the same again would be read out again
  }

  show() {
    if (this.kind === GRU) {
      document.getElementById(`gru-reset-${this.settings.reset}`).checked = true;
      this.node.querySelector('[data-setting="b_hn"]').hidden = this.settings.reset === "before";
    }
    this.results = this.kind.compute(this.settings);
    show(this.kind, this.node, this.settings, this.results);
    this.player.show();
  }

  /** The strip shows the step of the sequence in sight, and the single step where there is none. */
  follow(step) {
    if (this.results === undefined) return; // the panel is still being built
    const { seen, xs } = this.player;
    const says = step ? `Step ${seen} of ${xs.length} of the sequence, input ${short(step.x)}` : "The single step below";
    showStrip(this.kind, this.node, step ?? this.results, says);
  }

  /** Put the panel's settings into the address, if it is the panel in sight. */
  keep() {
    if (!this.node.hidden) writeAddress({ [this.kind.key]: "", ...this.address() });
  }

  /** One sentence once the changes have stopped: a slider on the move would drown a listener in numbers. */
  tell() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      const words = Object.entries(this.kind.spoken).map(([key, name]) => `${name} ${shown(this.results[key])}`);
      document.getElementById("spoken").textContent = words.join(", ");
      this.keep();
    }, QUIET_TIME);
  }
}

/** The tabs, and the address: page.html#gru&preset=write opens the GRU so. */
class Tabs {
  constructor(node, panels) {
    this.panels = panels;
    this.tabs = [...node.querySelectorAll('[role="tab"]')];
    this.tabs.forEach((tab, index) => tab.addEventListener("click", () => this.turn(index)));
    node.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("hashchange", () => this.open());
    this.choose(0);
    this.open();
  }

  open() {
    const named = readAddress();
    const index = this.panels.findIndex(({ kind }) => kind.key in named);
    if (index < 0) return;
    this.choose(index);
    this.panels[index].open(named);
  }

  choose(chosen) {
    this.chosen = chosen;
    this.tabs.forEach((tab, index) => {
      tab.setAttribute("aria-selected", String(index === chosen));
      tab.tabIndex = index === chosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = index !== chosen;
    });
  }

  key(event) {
    const last = this.tabs.length - 1;
    const { chosen } = this;
    const target = {
      ArrowRight: chosen === last ? 0 : chosen + 1,
      ArrowLeft: chosen === 0 ? last : chosen - 1,
      Home: 0,
      End: last,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.turn(target);
    this.tabs[target].focus();
  }

  /** Choose a tab by hand, which the address follows. */
  turn(index) {
    this.choose(index);
    this.panels[index].keep();
  }
}

new Tabs(document.getElementById("tabs"), KINDS.map((kind) => new Panel(kind)));
