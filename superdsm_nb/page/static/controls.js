// Sliders, numbers, switches and choices for the settings, as the program describes them.

import { element } from "./dom.js";

const STEPS = 1000;

export class Controls {
  constructor(described, main, advanced, changed) {
    this.changed = changed;
    this.rows = new Map();
    main.replaceChildren(...described.main.map((each) => this.build(each, false)));
    const sections = Map.groupBy(described.advanced, (each) => each.section);
    advanced.replaceChildren(...[...sections].flatMap(([section, all]) =>
      [element("h3", {}, section.replaceAll("-", " ")), ...all.map((each) => this.build(each, true))]));
  }

  build(control, isAdvanced) {
    const id = `set-${control.key}`, helpId = `${id}-help`;
    const [left, right] = control.label.split(" / ");
    const [end, ...words] = (right ?? "").split(" ");  // "More / fewer pieces": what, and the ends of the slider
    const label = capital(right ? words.join(" ") : left);
    const back = element("button", { class: "back", title: "Set back", "aria-label": `Set back: ${label}` }, "↺");
    const row = { control, id, back, value: undefined };
    back.addEventListener("click", () => this.set(row, null));
    const top = element("div", { class: "top" }, element("label", { for: id, class: "label" }, label));
    const box = element("div", { class: "control" }, top);
    this.fields(row, top, box, helpId);
    top.append(back);
    if (right) box.append(element("div", { class: "ends", "aria-hidden": "true" }, element("span", {}, left), element("span", {}, capital(end))));
    if (isAdvanced) box.append(element("p", { class: "help", id: helpId }, control.help));
    else box.title = control.help;
    this.rows.set(control.key, row);
    return box;
  }

  fields(row, top, box, helpId) {
    const { control, id } = row;
    const described = { id, "aria-describedby": helpId };
    if (control.kind === "bool") {
      row.field = element("input", { type: "checkbox", ...described });
      row.field.addEventListener("change", () => this.set(row, row.field.checked));
    } else if (control.kind === "choice") {
      row.field = element("select", described, ...control.choices.map((each) => element("option", {}, String(each))));
      row.field.addEventListener("change", () => this.set(row, control.choices[row.field.selectedIndex]));
    } else {
      row.field = element("input", { type: "number", step: control.kind === "int" ? 1 : "any", ...described });
      row.field.addEventListener("change", () => this.set(row, row.field.value === "" ? null : row.field.valueAsNumber));
      row.slider = element("input", { type: "range", min: 0, max: STEPS, "aria-label": control.label });
      row.slider.addEventListener("input", () => this.set(row, valueAt(control, row.slider.value / STEPS)));
      box.append(row.slider);
    }
    top.append(row.field);
    row.unit = element("span", { class: "unit" }, control.unit);
    top.append(row.unit);
  }

  set(row, value) {
    this.show(row, value ?? row.control.default);
    this.changed(row.control.key, value);
  }

  // What the program has; `measured` are values that are found if nothing is set.
  update(values, measured) {
    for (const [key, row] of this.rows) {
      if (row.slider?.matches(":active") || (document.activeElement === row.field && row.control.kind !== "bool")) continue;
      this.show(row, values[key], measured[key]);
    }
  }

  show(row, value, measured) {
    const { control, field, slider } = row;
    row.back.disabled = value === control.default;
    if (control.kind === "bool") field.checked = value;
    else if (control.kind === "choice") field.selectedIndex = control.choices.indexOf(value);
    else {
      const number = typeof value === "number" ? value : measured;
      field.value = typeof value === "number" ? String(short(value)) : "";
      row.unit.textContent = measured && typeof value !== "number" ? `${control.unit}, measured` : control.unit;
      field.placeholder = measured ? String(short(measured)) : value === "Infinity" ? "no limit" : "automatic";
      slider.value = number === undefined ? STEPS : STEPS * positionOf(control, number);
      slider.setAttribute("aria-valuetext", `${number === undefined ? field.placeholder : short(number)} ${control.unit}`.trim());
    }
  }
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function short(number) {
  return Number(number.toPrecision(4));
}

function valueAt({ low, high, is_logarithmic, kind }, position) {
  const value = is_logarithmic ? low * (high / low) ** position : low + (high - low) * position;
  return kind === "int" ? Math.round(value) : Number(value.toPrecision(3));
}

function positionOf({ low, high, is_logarithmic }, number) {
  const value = Math.min(Math.max(number, low), high);
  return is_logarithmic ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
}
