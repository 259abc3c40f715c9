// The table of objects: sorted by a click on a column, and a row leads to its object.

import { element } from "./dom.js";

export class Table {
  constructor(table, picked) {
    [this.head, this.body] = [table.tHead, table.tBodies[0]];
    this.picked = picked;
    this.order = { name: "label", isUp: true };
    this.rows = [];
    this.selected = new Set();
  }

  show(columns, rows) {
    this.columns = { label: "Label", ...columns };
    this.rows = rows;
    this.draw();
  }

  select(labels) {
    this.selected = labels;
    for (const row of this.body.rows) row.setAttribute("aria-selected", labels.has(Number(row.dataset.label)));
  }

  draw() {
    const { name, isUp } = this.order;
    this.head.replaceChildren(element("tr", {}, ...Object.entries(this.columns).map(([key, text]) => {
      const button = element("button", {}, text);
      button.addEventListener("click", () => {
        this.order = { name: key, isUp: key === name ? !isUp : true };
        this.draw();
      });
      return element("th", key === name ? { "aria-sort": isUp ? "ascending" : "descending" } : {}, button);
    })));
    const sorted = [...this.rows].sort((a, b) => (isUp ? 1 : -1) * (number(a[name]) - number(b[name])));
    this.body.replaceChildren(...sorted.map((row) => {
      const line = element("tr", { tabindex: 0, "data-label": row.label, "aria-selected": this.selected.has(row.label) },
        ...Object.keys(this.columns).map((key) => element("td", {}, shown(row[key]))));
      line.addEventListener("click", (event) => this.picked(row, event));
      line.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); this.picked(row, event); }
      });
      return line;
    }));
  }
}

const number = (value) => (typeof value === "string" ? -Infinity : Number(value));

export function shown(value) {
  if (typeof value !== "number") return value === true ? "yes" : "–";
  return Number.isInteger(value) ? String(value) : Number(value.toPrecision(4)).toString();
}
