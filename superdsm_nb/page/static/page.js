// Puts the parts of the page together.

import { Controls } from "./controls.js";
import { Corrections } from "./corrections.js";
import { element, find } from "./dom.js";
import { ask, askJson, coalesced, Sender, tell } from "./net.js";
import { unpack } from "./runs.js";
import { shown, Table } from "./table.js";
import { View } from "./view.js";

const STAGES = {
  starting: "Starting", reading: "Reading", scale: "Measuring the nuclei", preprocess: "Finding the foreground", dsm: "Preparing",
  "c2f-region-analysis": "Dividing it into pieces", "global-energy-minimization": "Choosing the best combination", postprocess: "Drawing outlines",
};

let start, controls, result, preset;
let state = { version: 0, failures: 0, asked: 0, is_busy: true };
const rowOf = new Map();
let discarded = [];
const drawn = { labels: 0, result: 0, failures: 0 };  // versions and failures that are seen
const sender = new Sender("change", complain);
const deeds = new Sender("correct", complain);
export const view = new View(find("canvas"), describe, pick);
const corrections = new Corrections((asked) => deeds.send({ version: drawn.labels, ...asked }));
const table = new Table(find("objects").querySelector("table"), (row, event) => {
  view.center(row.box);
  pick({ label: row.label, rejected: 0 }, event);
});

const loadLabels = coalesced(async () => {
  const answer = await ask("labels");
  const version = Number(answer.headers.get("X-Version"));
  if (version === drawn.labels) return;
  view.setLabels(unpack(new Uint32Array(await answer.arrayBuffer()), view.width, view.height));
  drawn.labels = version;
  find("count").textContent = view.map.boxes.size === 1 ? "1 object" : `${view.map.boxes.size} objects`;
  select([]);
});

const loadResult = coalesced(async () => {
  drawn.failures = state.failures;
  const [found, rejects] = await Promise.all([askJson("result"), view.areRejectsShown ? askJson("discarded") : null]);
  result = found;
  if (rejects) {
    discarded = rejects.objects;
    view.setRejects(unpack(rejects.runs, view.width, view.height));
  }
  showResult();
  drawn.result = result.version;
});

function showResult() {
  if (result.preset !== preset) {
    preset = result.preset;
    find("preset").value = preset;
    controls = new Controls(start.controls[preset], find("main"), find("advanced").lastElementChild, change);
  }
  if (isAtRest()) controls.update(result.values, { diameter: result.diameter });
  find("command").textContent = result.command;
  find("beside").hidden = !result.corrections?.length;
  find("statement").textContent = result.statement ?? "";
  corrections.show(result.corrections);
  rowOf.clear();
  for (const row of result.rows ?? []) rowOf.set(row.label, row);
  if (result.rows) {
    table.show(result.columns, result.rows);
  }
}

function listen() {
  const events = new EventSource("events");
  events.onmessage = (event) => {
    state = JSON.parse(event.data);
    showState();
    if (state.version !== drawn.labels) loadLabels();
    // Measuring all objects takes time, which the next result needs while a slider is dragged.
    if (!state.is_busy && (state.version !== drawn.result || state.failures !== drawn.failures)) loadResult();
  };
  events.onerror = () => {
    find("stage").textContent = "The program has ended.";
    find("progress").hidden = find("cancel").hidden = true;
  };
}

function showState() {
  const { is_busy, stage, done, total, messages } = state;
  find("progress").hidden = find("cancel").hidden = !is_busy;
  if (total) { find("progress").max = total; find("progress").value = done; } else find("progress").removeAttribute("value");
  const first = state.version ? "" : " (the first run compiles for up to a minute)";
  find("stage").textContent = is_busy ? (STAGES[stage] ?? stage) + first : "";
  if (JSON.stringify(messages) !== drawn.messages) showMessages(messages);
}

function showMessages(messages) {
  drawn.messages = JSON.stringify(messages);
  const lines = messages.map(([kind, text]) => element("li", { class: kind }, text)).reverse();
  find("messages").replaceChildren(...(lines.length ? lines : [element("li", {}, "None.")]));
}

function change(key, value) {
  sender.send({ [key]: value });
}

// Whether all that was asked for is done.
const isAtRest = () => sender.isIdle && deeds.isIdle && !state.is_busy && state.asked >= Math.max(sender.asked, deeds.asked);

// And whether it is seen.
export const isSettled = () => isAtRest() && state.version > 0 && drawn.labels === state.version && drawn.result === state.version;

function complain(error) {
  find("messages").prepend(element("li", { class: "error" }, error.message));
}

function describe(found) {
  const box = find("hover");
  box.hidden = !found;
  if (!found) return;
  const [low, high] = start.range;
  const parts = [`row ${found.row}, column ${found.column}`];
  if (found.value !== null) parts.push(`intensity ${shown(low + (high - low) * found.value / 65535)}`);
  const row = drawn.result === drawn.labels ? rowOf.get(found.label) : null;
  if (row) parts.push(`nucleus ${row.label}: area ${row.area}, contrast ${shown(row.contrast)}, energy ${shown(row.energy)}`);
  else if (found.rejected) parts.push(`discarded: ${discarded[found.rejected - 1]?.reason}`);
  box.textContent = parts.join(" · ");
}

function pick(found) {
  if (!found?.label) { select([], found?.rejected || null); return; }
  const labels = [...view.selected];
  select(labels.includes(found.label) ? labels.filter((each) => each !== found.label) : [...labels, found.label].slice(-2));
}

function select(labels, kept = null) {
  view.select(labels, kept);
  table.select(view.selected);
  corrections.select(labels, discarded[kept - 1]?.position);
}

function listenToButtons() {
  find("out").addEventListener("click", () => view.enlarge(1 / 1.5));
  find("in").addEventListener("click", () => view.enlarge(1.5));
  find("fit").addEventListener("click", () => view.fit());
  find("bright").addEventListener("input", (event) => view.brighten(event.target.valueAsNumber));
  find("contours").addEventListener("change", (event) => { view.areContoursShown = event.target.checked; view.draw(); });
  find("rejects").addEventListener("change", (event) => {
    view.areRejectsShown = event.target.checked;
    if (view.areRejectsShown) loadResult(); else view.setRejects(null);
  });
  find("preset").addEventListener("change", (event) => change("preset", event.target.value));
  find("reset").addEventListener("click", () => {
    for (const key of controls.rows.keys()) change(key, null);
  });
  find("cancel").addEventListener("click", () => tell("cancel"));
  find("done").addEventListener("click", () => {
    const isSure = !result.corrections?.length || confirm("Corrections by hand that are not saved are lost. Has everything been saved?");
    if (isSure) tell("done");
  });
  find("copy").addEventListener("click", () => navigator.clipboard.writeText(find("command").textContent));
  find("task").addEventListener("click", async () => {
    try { find("written").textContent = `Written: ${(await (await tell("task")).json()).path}`; } catch (error) { find("written").textContent = error.message; }
  });
}

async function main() {
  start = await askJson("start");
  document.title = `${start.name} · superdsm-nb`;
  find("name").textContent = start.name;
  const stem = start.name.replace(/\.[^.]*$/, "");
  find("files").replaceChildren(...start.files.map(([name, title]) =>
    element("a", { href: `save/${name}`, download: `${stem}.${name}` }, title)));
  const bytes = await (await ask("image")).arrayBuffer();
  view.show(start.shape.length > 2 ? new Uint8Array(bytes) : new Uint16Array(bytes), start);
  listenToButtons();
  await loadResult();
  listen();
}

main().catch(complain);
