// Putting it together: one panel a kind, each with settings of its own; tabs choose between them.

const QUIET_TIME = 500; // milliseconds without a change before a screen reader is told the results

class Panel {
  constructor(kind) {
    this.kind = kind;
    this.node = document.getElementById(`panel-${kind.key}`);
    this.settings = { reset: "before", ...kind.presets[0].values };
    const set = (key, value, source) => this.set(key, value, source);
    this.player = new Player(kind, this.settings);
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
    this.apply(0);
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
    this.markPreset(index);
    this.show();
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

  /** One sentence once the changes have stopped: a slider on the move would drown a listener in numbers. */
  tell() {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => {
      const words = Object.entries(this.kind.spoken).map(([key, name]) => `${name} ${shown(this.results[key])}`);
      document.getElementById("spoken").textContent = words.join(", ");
    }, QUIET_TIME);
  }
}

class Tabs {
  constructor(node) {
    this.tabs = [...node.querySelectorAll('[role="tab"]')];
    this.tabs.forEach((tab, index) => tab.addEventListener("click", () => this.choose(index)));
    node.addEventListener("keydown", (event) => this.key(event));
    const named = this.tabs.findIndex((tab) => `#${tab.id.replace("tab-", "")}` === location.hash);
    this.choose(Math.max(named, 0)); // page.html#gru opens with the GRU
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
    this.choose(target);
    this.tabs[target].focus();
  }
}

KINDS.forEach((kind) => new Panel(kind));
new Tabs(document.getElementById("tabs"));
