"use strict";

// One number to set: a slider for the part of its range where something happens, and a field for all of it.

/** A number as people write it: "−0.5", "0,5", "1e-3"; NaN for anything else. */
function parseNumber(text) {
  const plain = text.trim().replaceAll("−", "-").replace(/^([^,]*),([^,]*)$/, "$1.$2");
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
}

/**
 * A row with name, slider and field; both report to `set(key, value, source)`.
 * `spec` is { key, symbol, says, of, min, max, step, least, most }: a slider from min to max, a field from least to
 * most; `of` says to whom the setting belongs where the row's place does not.
 */
function settingRow(prefix, spec, set) {
  const id = `${prefix}-${spec.key}`;
  const words = spec.of ? `${spec.says}, ${spec.of}` : spec.says;
  const { min, max, step, least, most } = spec;
  const slider = element("input", { type: "range", id: `${id}-slider`, "aria-label": `${words}, slider`, min, max, step });
  const track = element("span", { class: "track" }, slider);
  if (min < 0 && max > 0) {
    track.classList.add("signed"); // with a mark at zero
    track.style.setProperty("--zero", String(-min / (max - min)));
  }
  const field = element("input", {
    type: "text",
    inputmode: "text",
    role: "spinbutton",
    id,
    "aria-valuemin": least,
    "aria-valuemax": most,
    "aria-describedby": `${id}-problem`,
    autocomplete: "off",
    spellcheck: "false",
  });
  const problem = element("p", { id: `${id}-problem`, class: "problem", "aria-live": "polite" });
  const label = element(
    "label",
    { for: id },
    spec.symbol ? math(spec.symbol) : "",
    element("span", { class: spec.of ? "unseen" : "says" }, ` ${words}`),
  );
  const take = (value, source) => {
    field.dataset.counts = String(value);
    set(spec.key, value, source);
  };
  slider.addEventListener("input", () => take(slider.valueAsNumber, slider));
  field.addEventListener("input", () => {
    const value = parseNumber(field.value);
    const good = value >= least && value <= most; // NaN is neither
    field.setAttribute("aria-invalid", String(!good));
    problem.textContent = good
      ? ""
      : `Write a number from ${minus(String(least))} to ${minus(String(most))}. Until then the last one counts.`;
    if (good) take(value, field);
  });
  field.addEventListener("change", () => showField(field, Number(field.dataset.counts))); // on leaving it
  field.addEventListener("keydown", (event) => {
    const steps = { ArrowUp: 1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (steps === undefined) return;
    event.preventDefault();
    const value = Math.min(most, Math.max(least, Number(field.dataset.counts) + steps * step));
    take(Number(value.toFixed(6)), null);
  });
  return element("div", { class: "setting", "data-setting": spec.key }, label, track, field, problem);
}

/** What counts stands in the field, and nothing is wrong with it. */
function showField(field, value) {
  field.value = String(value);
  field.setAttribute("aria-invalid", "false");
  document.getElementById(`${field.id}-problem`).textContent = "";
}

/** Bring both controls of a setting up to date, but leave alone the one that is being typed into. */
function showSetting(prefix, key, value, source) {
  const id = `${prefix}-${key}`;
  const [field, slider] = [document.getElementById(id), document.getElementById(`${id}-slider`)];
  field.dataset.counts = String(value);
  field.setAttribute("aria-valuenow", String(value));
  if (source !== field) showField(field, value);
  if (source !== slider) slider.value = String(value);
  slider.setAttribute("aria-valuetext", short(value)); // the true one where it lies beyond the slider's end
}
