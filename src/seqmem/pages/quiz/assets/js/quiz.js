// The quiz: choices that answer back, a score of first answers, and the code of each answer.

const DATA = JSON.parse(document.getElementById("data").textContent);

/** A number as in the document of the quiz: whole ones in groups of three, no zeros at the end. */
function figure(value) {
  if (Number.isInteger(value)) return minus(String(value).replace(/\B(?=(\d{3})+$)/g, ","));
  const text = shown(value);
  return text.includes("·") ? text : text.replace(/\.?0+$/, "");
}

/** A text whose {names} are numbers, `code` is code, and C_t has a subscript. */
function prose(text, numbers) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(/`([^`]+)`|\{(\w+)\}|(?<![\w}])([a-zA-Z]\u0303?)_(?:\{([^}]+)\}|([a-z])\b)/gu)) {
    const [whole, code, name, letter, braced, plain] = match;
    nodes.push(text.slice(end, match.index));
    if (code !== undefined) nodes.push(element("code", {}, code));
    else if (name !== undefined) nodes.push(valueOf(name, numbers[name]));
    else nodes.push(math(`${letter}_{${braced ?? plain}}`));
    end = match.index + whole.length;
  }
  return [...nodes, text.slice(end)];
}

function valueOf(name, value) {
  const node = element("span", { class: "value", "data-name": name }, figure(value));
  setValue(node, value);
  return node;
}

class Asked {
  constructor(question, place, tell) {
    this.question = question;
    this.tell = tell;
    this.numbers = NUMBERS[question.name](DATA.networks);
    this.items = question.choices.map((choice) => this.choice(choice));
    const title = `${question.name}-title`;
    this.node = element(
      "article",
      { class: "question card", id: question.name, "aria-labelledby": title },
      element(
        "h2",
        { id: title },
        element("span", { class: "number" }, `${place}. `),
        ...prose(question.asks, this.numbers),
      ),
      element("ul", { class: "choices" }, ...this.items.map(({ item }) => item)),
      this.answer(),
    );
    this.forget();
  }

  choice(choice) {
    const sign = element("span", { class: "sign", "aria-hidden": "true" });
    const button = element("button", { type: "button", "aria-pressed": "false" }, sign);
    button.append(element("span", {}, ...prose(choice.says, this.numbers)));
    const feedback = element("p", { class: "feedback", role: "status" });
    button.addEventListener("click", () => this.take(choice, { button, sign, feedback }));
    return { item: element("li", {}, button, feedback), button, sign, feedback };
  }

  /** The first choice counts for the score; each choice keeps its feedback. */
  take(choice, { button, sign, feedback }) {
    const verdict = choice.right ? "Right. " : "No. ";
    button.className = choice.right ? "right" : "wrong";
    button.setAttribute("aria-pressed", "true");
    sign.textContent = choice.right ? "✓" : "✗";
    const reason = choice.right ? this.question.because : choice.refuted;
    feedback.replaceChildren(element("strong", {}, verdict), ...prose(reason, this.numbers));
    this.first ??= choice.right;
    this.tell();
  }

  forget() {
    this.first = null;
    for (const { button, sign, feedback } of this.items) {
      button.className = "";
      button.setAttribute("aria-pressed", "false");
      sign.textContent = "";
      feedback.replaceChildren();
    }
    this.node.querySelector("details").open = false;
  }

  answer() {
    const results = Object.entries(this.numbers).map(([name, value]) =>
      element("li", {}, element("code", {}, name), " = ", valueOf(name, value)),
    );
    return element(
      "details",
      {},
      element("summary", {}, "Let the code answer"),
      element("pre", { tabindex: "0", "aria-label": "Python code" }, `${DATA.begin}\n\n${this.question.code}`),
      element("p", {}, "It runs without an error. The same arithmetic on this page:"),
      element("ul", { class: "results" }, ...results),
    );
  }
}

const asked = DATA.questions.map((question, index) => new Asked(question, index + 1, showScore));

function showScore() {
  const right = asked.filter(({ first }) => first === true).length;
  const answered = asked.filter(({ first }) => first !== null).length;
  const text = answered === 0 ? `${asked.length} questions` : `${right} of ${answered} right at the first answer`;
  const rest = asked.length - answered;
  const more = answered === 0 ? "" : rest === 0 ? "; that was the last question" : `; ${rest} to go`;
  const marks = asked.map(({ first }) =>
    element("span", { class: first === null ? null : first ? "right" : "wrong" }),
  );
  document
    .getElementById("score")
    .replaceChildren(
      element("p", {}, `${text}${more}.`),
      element("div", { class: "marks", "aria-hidden": "true" }, ...marks),
    );
}

document.getElementById("questions").append(...asked.map(({ node }) => node));
document.getElementById("again").addEventListener("click", () => {
  asked.forEach((one) => one.forget());
  showScore();
  window.scrollTo(0, 0);
  asked[0].node.querySelector("button").focus();
});
showScore();
document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView(); // it was not there at first
