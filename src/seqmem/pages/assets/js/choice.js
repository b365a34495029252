"use strict";

// One choice among many buttons: a radio group that is reached by one Tab, however many buttons it has.

/**
 * A row of buttons of which one is chosen. Arrow keys, Home and End move the choice.
 * `labels` are nodes or texts; `choose(index)` is called for every choice of the reader's.
 */
function choiceOf(name, labels, choose, attributes = {}) {
  const buttons = labels.map((label) => element("button", { type: "button", role: "radio" }, label));
  const group = element("div", { role: "radiogroup", "aria-label": name, class: "choice", ...attributes }, ...buttons);
  const select = (index) => {
    buttons.forEach((button, place) => {
      button.setAttribute("aria-checked", String(place === index));
      button.tabIndex = place === index ? 0 : -1;
    });
  };
  const take = (index) => {
    select(index);
    choose(index);
  };
  group.addEventListener("click", (event) => {
    const index = buttons.indexOf(event.target.closest("button"));
    if (index >= 0) take(index);
  });
  group.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(document.activeElement);
    const to = placeAfter(event.key, at, buttons.length, group.dir === "rtl");
    if (at < 0 || to === null) return;
    event.preventDefault();
    buttons[to].focus();
    take(to);
  });
  if (buttons.length) select(0);
  return { group, buttons, select };
}

/** Where a key leads from a place in a row; null for a key that leads nowhere. */
function placeAfter(key, at, count, rightToLeft) {
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  const forward = rightToLeft ? "ArrowLeft" : "ArrowRight";
  const backward = rightToLeft ? "ArrowRight" : "ArrowLeft";
  if (key === forward || key === "ArrowDown") return (at + 1) % count;
  if (key === backward || key === "ArrowUp") return (at + count - 1) % count;
  return null;
}

const RIGHT_TO_LEFT = /^\p{Script=Hebrew}|^\p{Script=Arabic}|^\p{Script=Syriac}|^\p{Script=Thaana}|^\p{Script=Nko}/u;

/** The direction in which a list of symbols is read: that of its first letter. */
function directionOf(symbols) {
  const letter = /\p{L}/u.exec(symbols.join(" "));
  return letter && RIGHT_TO_LEFT.test(letter[0]) ? "rtl" : "ltr";
}

/** A symbol that can be seen: a space and a control character have signs of their own. */
function visible(symbol) {
  if (/^\s+$/u.test(symbol)) return "␣";
  return symbol.replace(/[\u0000-\u001f\u007f]/gu, "·").replace(/[\u202a-\u202e\u2066-\u2069]/gu, "·");
}

/** A symbol for a sentence that is read out. */
function spoken(symbol) {
  return /^\s+$/u.test(symbol) ? "space" : visible(symbol);
}

/** A symbol apart from the direction of the text around it. */
function isolated(symbol) {
  return element("bdi", {}, visible(symbol));
}

/** A share as a percentage; what is neither 0 nor 1 is not rounded to it. */
function percent(share) {
  if (share > 0 && share < 0.005) return "<1";
  if (share < 1 && share >= 0.995) return ">99";
  return (100 * share).toFixed(0);
}
