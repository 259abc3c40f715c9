// The image on a canvas with contours over it: zoom, pan, brightness, and what is under the mouse.

import { borders } from "./runs.js";

const COLORS = { contour: "#ffd34d", discarded: "#b9c2c9", selected: "#4de1ff", hovered: "#ffffff" };
const LARGEST = 40;

export class View {
  constructor(canvas, hovered, picked) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.hovered = hovered;
    this.picked = picked;
    this.map = this.rejects = this.picture = null;
    this.selected = new Set();
    this.kept = null;  // a discarded object that is selected
    this.areContoursShown = true;
    this.areRejectsShown = false;
    this.zoom = 1; this.x = this.y = 0;  // of the upper left corner of the image, in pixels of the canvas
    this.isFitted = true;
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.listen();
  }

  show(pixels, { shape, window }) {
    [this.height, this.width] = shape;
    this.pixels = pixels;
    this.isColored = shape.length > 2;
    this.window = window;
    this.picture = new OffscreenCanvas(this.width, this.height);
    this.brighten(50);
    this.fit();
  }

  // From 0, dark, to 100, bright.
  brighten(percent) {
    if (!this.picture) return;
    const [low, high] = this.window, factor = 2 ** ((percent - 50) / 12.5);
    const data = new ImageData(this.width, this.height), bytes = data.data;
    const table = new Uint8ClampedArray(65536);
    for (let i = 0; i < table.length; i++) table[i] = 255 * factor * (i / 65535 - low) / Math.max(high - low, 1e-9);
    for (let i = 0, n = this.width * this.height; i < n; i++) {
      for (let c = 0; c < 3; c++) bytes[4 * i + c] = this.isColored ? this.pixels[3 * i + c] * factor : table[this.pixels[i]];
      bytes[4 * i + 3] = 255;
    }
    this.picture.getContext("2d").putImageData(data, 0, 0);
    this.draw();
  }

  setLabels(map) {
    this.map = map;
    this.contours = borders(map);
    this.select([]);
  }

  setRejects(map) {
    this.rejects = map;
    this.rejected = map && borders(map);
    this.kept = null;
    this.draw();
  }

  select(labels, kept = null) {
    this.selected = new Set(labels);
    this.kept = kept;
    this.draw();
  }

  resize() {
    const ratio = devicePixelRatio;
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
    if (this.isFitted) this.fit(); else this.draw();
  }

  fit() {
    if (!this.picture) return;
    this.zoom = Math.min(this.canvas.width / this.width, this.canvas.height / this.height);
    this.x = (this.canvas.width - this.width * this.zoom) / 2;
    this.y = (this.canvas.height - this.height * this.zoom) / 2;
    this.isFitted = true;
    this.draw();
  }

  // Keeps the point of the canvas where it is.
  enlarge(factor, x = this.canvas.width / 2, y = this.canvas.height / 2) {
    if (!this.picture) return;
    const least = Math.min(this.canvas.width / this.width, this.canvas.height / this.height, 1) / 2;
    const zoom = Math.min(Math.max(this.zoom * factor, least), LARGEST);
    this.move(x - (x - this.x) * zoom / this.zoom - this.x, y - (y - this.y) * zoom / this.zoom - this.y, zoom);
  }

  move(dx, dy, zoom = this.zoom) {
    this.zoom = zoom;
    this.x += dx; this.y += dy;
    this.isFitted = false;
    this.draw();
  }

  center([top, left, bottom, right]) {
    const { width, height } = this.canvas;
    const zoom = Math.min(Math.max(this.zoom, Math.min(width, height) / 5 / Math.max(bottom - top, right - left)), LARGEST);
    this.move(width / 2 - this.x - zoom * (left + right) / 2, height / 2 - this.y - zoom * (top + bottom) / 2, zoom);
  }

  draw() {
    this.wanted ??= requestAnimationFrame(() => { this.wanted = null; this.paint(); });
  }

  paint() {
    const { context, canvas, zoom } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (!this.picture) return;
    context.setTransform(zoom, 0, 0, zoom, this.x, this.y);
    context.imageSmoothingEnabled = zoom < 1;
    context.drawImage(this.picture, 0, 0);
    if (this.areRejectsShown && this.rejects) this.stroke(this.rejected, COLORS.discarded, 1.5, [4, 3]);
    if (this.areContoursShown && this.map) this.stroke(this.contours, COLORS.contour, 1.5);
    for (const label of this.selected) this.stroke(borders(this.map, label), COLORS.selected, 3);
    if (this.kept) this.stroke(borders(this.rejects, this.kept), COLORS.selected, 3, [4, 3]);
    if (this.under?.label && !this.selected.has(this.under.label)) this.stroke(borders(this.map, this.under.label), COLORS.hovered, 2);
    else if (this.under?.rejected) this.stroke(borders(this.rejects, this.under.rejected), COLORS.hovered, 2, [4, 3]);
  }

  stroke(path, color, width, dash = []) {
    const one = devicePixelRatio / this.zoom;
    this.context.strokeStyle = color;
    this.context.lineWidth = width * one;
    this.context.setLineDash(dash.map((each) => each * one));
    this.context.stroke(path);
  }

  // What is at a point of the canvas.
  at(event) {
    if (!this.picture) return null;
    const column = Math.floor((event.offsetX * devicePixelRatio - this.x) / this.zoom);
    const row = Math.floor((event.offsetY * devicePixelRatio - this.y) / this.zoom);
    if (row < 0 || column < 0 || row >= this.height || column >= this.width) return null;
    const i = row * this.width + column;
    const rejected = this.areRejectsShown && this.rejects ? this.rejects.labels[i] : 0;
    return { row, column, label: this.map ? this.map.labels[i] : 0, rejected, value: this.isColored ? null : this.pixels[i] };
  }

  listen() {
    const { canvas } = this;
    let start = null, hasMoved = false;
    canvas.addEventListener("pointerdown", (event) => { start = [event.offsetX, event.offsetY]; hasMoved = false; canvas.setPointerCapture(event.pointerId); });
    canvas.addEventListener("pointermove", (event) => {
      if (start) {
        const dx = event.offsetX - start[0], dy = event.offsetY - start[1];
        if (!hasMoved && Math.hypot(dx, dy) < 4) return;
        hasMoved = true;
        start = [event.offsetX, event.offsetY];
        this.move(dx * devicePixelRatio, dy * devicePixelRatio);
        return;
      }
      this.hover(this.at(event));
    });
    canvas.addEventListener("pointerup", (event) => {
      if (start && !hasMoved) this.picked(this.at(event), event);
      start = null;
    });
    canvas.addEventListener("pointercancel", () => { start = null; });
    canvas.addEventListener("pointerleave", () => this.hover(null));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.enlarge(Math.exp(-event.deltaY / 400), event.offsetX * devicePixelRatio, event.offsetY * devicePixelRatio);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const step = 60 * devicePixelRatio;
      const deeds = {
        ArrowLeft: () => this.move(step, 0), ArrowRight: () => this.move(-step, 0),
        ArrowUp: () => this.move(0, step), ArrowDown: () => this.move(0, -step),
        "+": () => this.enlarge(1.5), "-": () => this.enlarge(1 / 1.5), 0: () => this.fit(),
      };
      if (deeds[event.key] && !event.ctrlKey && !event.metaKey) { event.preventDefault(); deeds[event.key](); }
    });
  }

  hover(found) {
    const before = this.under;
    this.under = found;
    if (before?.label !== found?.label || before?.rejected !== found?.rejected) this.draw();
    this.hovered(found);
  }
}
