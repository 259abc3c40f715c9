// Corrections by hand of what is selected: buttons and keys.

import { find } from "./dom.js";

const KEYS = { m: "merge", s: "split", n: "next", d: "delete", k: "keep", u: "undo" };
const WORDS = { next: "other split" };

export class Corrections {
  constructor(ask) {
    this.ask = ask;
    this.labels = [];
    this.position = null;
    this.made = [];
    for (const id of Object.values(KEYS)) find(id).addEventListener("click", () => this.make(id));
    addEventListener("keydown", (event) => {
      const isTyping = event.target.matches("input, select, textarea");
      if (KEYS[event.key] && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) find(KEYS[event.key]).click();
    });
    this.enable();
  }

  make(id) {
    this.ask({ what: WORDS[id] ?? id, labels: this.labels, position: this.position });
  }

  // Labels of nuclei, or the position of a discarded one.
  select(labels, position = null) {
    [this.labels, this.position] = [labels, position];
    this.enable();
  }

  show(made = []) {
    this.made = made;
    this.enable();
  }

  enable() {
    const { labels, position, made } = this;
    const allowed = {
      merge: labels.length > 1, split: labels.length === 1, next: made.at(-1) === "split",
      delete: labels.length > 0, keep: position !== null, undo: made.length > 0,
    };
    for (const [id, isAllowed] of Object.entries(allowed)) find(id).disabled = !isAllowed;
    const what = position ? "A discarded object is selected." : labels.length ? `Selected: ${labels.join(" and ")}.`
      : "Click one nucleus, or two that touch.";
    find("picked").textContent = made.length ? `${what} Corrections so far: ${made.length}.` : what;
  }
}
