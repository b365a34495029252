// What a panel is made of. The functions that build return elements; `show` fills them with a step's results.

const SETTING_LIMIT = 100; // of the number fields; a slider covers the part of it where something happens

/** A setting of a panel, whose slider goes as far to both sides of zero. */
function signedSetting(kind, spec, set) {
  const range = { min: -spec.limit, max: spec.limit, least: -SETTING_LIMIT, most: SETTING_LIMIT };
  return settingRow(kind.key, { ...spec, ...range }, set);
}

/** A bar from zero to a value; the number beside it says the same, so it is hidden from screen readers. */
function bar(key, range, role) {
  return element(
    "span",
    { class: `bar ${range} ${role}`, "data-bar": key, "data-range": range, "aria-hidden": "true" },
    element("span", { class: "fill" }),
  );
}

function showBar(node, value, limit) {
  const low = node.dataset.range === "unit" ? 0 : -limit;
  const at = (number) => Math.min(1, Math.max(0, (number - low) / (limit - low))) * 100;
  const [from, to] = [at(Math.min(0, value)), at(Math.max(0, value))];
  node.firstChild.style.left = `${from}%`;
  node.firstChild.style.width = `${to - from}%`;
  node.classList.toggle("over", value > limit);
  node.classList.toggle("under", value < low);
}

/** The smallest round number that holds all values: 1, 2, 5, 10, 20, ... */
function roundLimit(values) {
  const size = Math.max(...values.map(Math.abs), 1e-300);
  let limit = 1;
  for (let k = 0; limit < size; k += 1) limit = [2, 5, 10][k % 3] * 10 ** Math.floor(k / 3);
  return limit;
}

function result(kind, key, id = null, classes = "result") {
  return element("span", { class: classes, "data-result": key, id: id === null ? null : `${kind.key}-${id}` });
}

/** The row of results that stays in sight: of the single step, or of the step of a sequence that plays. */
function strip(kind) {
  const known = [...kind.gates, ...kind.states];
  const cells = kind.strip.map((key) => {
    const spec = known.find((one) => one.key === key);
    return element(
      "div",
      { class: "cell" },
      math(spec.symbol),
      element("span", { class: "result", "data-strip": key }),
      bar(key, spec.range ?? "wide", spec.role),
    );
  });
  const id = `${kind.key}-strip-says`;
  return element(
    "div",
    { class: "strip", role: "group", "aria-labelledby": id },
    element("p", { id, class: "strip-says quiet" }),
    element("div", { class: "cells" }, ...cells),
  );
}

/** Fill the strip with the results of a step, which `says` names. */
function showStrip(kind, panel, r, says) {
  panel.querySelector(".strip-says").textContent = says;
  for (const cell of panel.querySelectorAll(".strip .cell")) {
    const [node, ofBar] = [cell.querySelector("[data-strip]"), cell.querySelector(".bar")];
    const value = r[node.dataset.strip];
    setValue(node, value);
    node.textContent = shown(value);
    showBar(ofBar, value, kind.scales[node.dataset.strip] ?? 1);
  }
}

/** "Keep all" as in an address: keep-all. */
function slug(name) {
  return name.toLowerCase().replaceAll(" ", "-");
}

function presetRow(kind, apply) {
  const buttons = kind.presets.map((preset, index) => {
    const button = element(
      "button",
      {
        type: "button",
        id: `${kind.key}-preset-${slug(preset.name)}`,
        "aria-pressed": "false",
      },
      preset.name,
    );
    button.addEventListener("click", () => apply(index));
    return button;
  });
  const says = element("p", { class: "preset-says quiet", id: `${kind.key}-preset-says`, "aria-live": "polite" });
  return element(
    "div",
    { class: "presets" },
    element("div", { class: "buttons", role: "group", "aria-label": "Presets" }, ...buttons),
    says,
  );
}

function inputCard(kind, set) {
  const rows = kind.inputs.map((spec) => signedSetting(kind, spec, set));
  const id = `${kind.key}-inputs-title`;
  return element(
    "div",
    { class: "card inputs", role: "group", "aria-labelledby": id },
    element("h2", { id }, "What comes in"),
    ...rows,
  );
}

/** A gate with its value, its equation, and its weights. */
function gateCard(kind, gate, set) {
  const of = gate.name.toLowerCase();
  const weight = (key, symbol, says) => ({ key: `${gate.key}-${key}`, symbol, says, of, limit: 10, step: 0.1 });
  const specs = [
    weight("w_x", `w_{x${gate.letter}}`, "weight of the input"),
    weight("w_h", `w_{h${gate.letter}}`, "weight of the previous output"),
    weight("b", gate.letter ? `b_${gate.letter}` : "b", "bias"),
  ];
  if (gate.further) specs.push({ ...gate.further, of, limit: 10, step: 0.1 });
  const id = `${kind.key}-${gate.key}-title`;
  return element(
    "div",
    { class: `card gate ${gate.role}`, role: "group", "aria-labelledby": id },
    element(
      "div",
      { class: "head" },
      element("h2", { id }, math(gate.symbol), ` ${gate.name}`),
      result(kind, gate.key, gate.key, "result large"),
    ),
    element(
      "p",
      { class: "quiet" },
      `${gate.says[0].toUpperCase()}${gate.says.slice(1)}.`,
      element("span", { class: "library" }, " In the library: ", element("code", {}, gate.library)),
    ),
    bar(gate.key, gate.range, gate.role),
    equationBox(kind, gate.key),
    ...specs.map((spec) => signedSetting(kind, spec, set)),
  );
}

function equationBox(kind, key) {
  const id = `${kind.key}-${key}-equation`;
  return element(
    "div",
    { class: "equation", id },
    element("p"),
    element("p", { class: "math quiet" }),
    element("p", { class: "math quiet" }),
  );
}

function showEquation(kind, key, equation, filled, value) {
  const box = document.getElementById(`${kind.key}-${key}-equation`);
  if (box.dataset.equation !== equation) {
    box.dataset.equation = equation;
    box.firstChild.replaceChildren(math(equation));
  }
  const [first, ...rest] = `${filled} = ${shown(value)}`.split(" = ");
  box.children[1].textContent = `= ${first}`; // lines of their own, so that a card keeps its height on the move
  box.children[2].textContent = `= ${rest.join(" = ")}`;
}

/** Bars on one common scale: what was there, what is kept, erased and written, what is there now. */
function flow(kind, prefix) {
  const rows = kind.flow.map((row) =>
    element(
      "div",
      { class: "flow-row" },
      element("span", { class: "flow-name" }, row.name, " ", math(row.symbol, "math quiet")),
      bar(row.key, "wide", row.role),
      element("span", { class: "result", "data-flow": row.key, id: `${kind.key}-${prefix}-${row.key}` }),
    ),
  );
  return element("div", { class: "flow", role: "group", "aria-label": "How the memory changes" }, ...rows);
}

function showFlow(kind, node, r) {
  for (const one of node.querySelectorAll("[data-flow]")) {
    setValue(one, r[one.dataset.flow]);
    one.textContent = shown(r[one.dataset.flow]);
    showBar(one.parentElement.querySelector(".bar"), r[one.dataset.flow], kind.flowScale);
  }
}

function updateCard(kind) {
  const title = kind.key === "rnn" ? "What becomes of the past" : "What becomes of the memory";
  const equations = kind.updates.map((update) => equationBox(kind, update.key));
  const states = kind.states.map((state) =>
    element(
      "div",
      { class: `state ${state.role}` },
      element(
        "div",
        { class: "head" },
        element("h3", {}, math(state.symbol), ` ${state.name}`),
        result(kind, state.key, state.key, "result large"),
      ),
      element("p", { class: "quiet" }, `${state.says[0].toUpperCase()}${state.says.slice(1)}.`),
      equations[kind.updates.findIndex((update) => update.key === state.key)] ?? "",
    ),
  );
  return element(
    "div",
    { class: "card update" },
    element("h2", {}, title),
    element("div", { class: "halves" }, flow(kind, "flow"), element("div", { class: "states" }, ...states)),
  );
}

/** Pre-activations and the like: in no card of their own, but there to be read. */
function furtherResults(kind) {
  const gates = kind.key === "rnn" ? [] : kind.gates;
  const items = gates.map((gate) =>
    element(
      "li",
      {},
      math(`a_${gate.letter}`),
      " = ",
      result(kind, `a_${gate.key}`, `a_${gate.key}`),
      ` before ${gate.squash} of ${gate.name.toLowerCase()}`,
    ),
  );
  if (kind === LSTM) items.push(element("li", {}, math("tanh(C_t)"), " = ", result(kind, "tanh_c", "tanh_c")));
  return items.length ? element("ul", { class: "further" }, ...items) : "";
}

function namesTable(kind) {
  const rows = kind.names.map(([lecture, library, meaning]) =>
    element(
      "tr",
      {},
      element("td", {}, /^\(/.test(lecture) ? lecture : math(lecture)),
      element("td", {}, element("code", {}, library)),
      element("td", {}, meaning),
    ),
  );
  const head = element(
    "tr",
    {},
    ...["In the lecture", "In the library", "Meaning"].map((text) => element("th", { scope: "col" }, text)),
  );
  const table = element("table", { class: "names" }, element("thead", {}, head), element("tbody", {}, ...rows));
  return element(
    "details",
    { class: "card" },
    element("summary", {}, "All sums, and the names in the lecture and in the library"),
    furtherResults(kind),
    table,
  );
}

/** Where the reset gate of the GRU acts. */
function resetSwitch(set) {
  const choice = (value, ...parts) => {
    const radio = element("input", { type: "radio", name: "gru-reset", id: `gru-reset-${value}`, value });
    radio.addEventListener("change", () => set("reset", value, radio));
    return element("label", { for: radio.id }, radio, element("span", {}, ...parts));
  };
  return element(
    "fieldset",
    { class: "card reset" },
    element("legend", {}, "The reset gate acts"),
    choice("before", "before the product with ", math("w_{hn}"), ", as in the lecture"),
    choice("after", "after it, on a sum with a bias ", math("b_{hn}"), " of its own, as in most libraries"),
  );
}

/** Fill a panel with the results of one step. */
function show(kind, panel, v, r) {
  for (const node of panel.querySelectorAll("[data-result]")) {
    setValue(node, r[node.dataset.result]);
    node.textContent = shown(r[node.dataset.result]);
  }
  for (const node of panel.querySelectorAll(".gate > .bar")) showBar(node, r[node.dataset.bar], 1);
  for (const gate of kind.gates)
    showEquation(kind, gate.key, kind.equation(gate, v), kind.fill(v, r, gate), r[gate.key]);
  for (const update of kind.updates) showEquation(kind, update.key, update.equation, update.fill(v, r), r[update.key]);
  showFlow(kind, panel.querySelector(".update .flow"), r);
  if (kind === GRU) showRemark(v, r);
}

/** The lecture's remark on z, with the numbers. */
function showRemark(v, r) {
  const z = short(r.z);
  const rest = short(1 - r.z);
  const [h, n] = [inner(v.h_prev), inner(r.n)];
  const readings = { equation: [`${rest}·${h} + ${z}·${n}`, r.h], remark: [`${z}·${h} + ${rest}·${n}`, r.remark] };
  for (const [name, [sum, value]] of Object.entries(readings)) {
    const node = document.getElementById(`gru-${name}-reading`);
    node.textContent = `h = ${sum} = ${shown(value)}`;
    setValue(node, value);
  }
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  document.getElementById("gru-verdict").textContent =
    `With z = ${z}, the unit keeps ${percent(1 - r.z)} of the old state ${shown(v.h_prev)} and takes ${percent(r.z)} of the candidate ${shown(r.n)}. The remark would have it keep ${percent(r.z)}.`;
}
