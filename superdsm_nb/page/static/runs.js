// Label maps: from runs of equal pixels, and the borders in them.

export function unpack(runs, width, height) {
  const labels = new Uint32Array(width * height), boxes = new Map();
  for (let i = 0, at = 0; i < runs.length; i += 2) {
    const length = runs[i], label = runs[i + 1];
    if (label) {
      labels.fill(label, at, at + length);
      for (let from = at; from < at + length;) {  // a run may go on in the next row
        const row = Math.floor(from / width), to = Math.min(at + length, (row + 1) * width);
        extend(boxes, label, row, from - row * width, to - row * width);
        from = to;
      }
    }
    at += length;
  }
  return { labels, boxes, width, height };
}

function extend(boxes, label, row, left, right) {
  const box = boxes.get(label);
  if (!box) boxes.set(label, [row, left, row + 1, right]);
  else { box[1] = Math.min(box[1], left); box[2] = row + 1; box[3] = Math.max(box[3], right); }
}

// The edges of pixels between different labels; of one label, or of all.
export function borders(map, only) {
  const path = new Path2D(), { labels, width, height } = map;
  const [top, left, bottom, right] = only ? map.boxes.get(only) ?? [0, 0, 0, 0] : [0, 0, height, width];
  const at = (row, column) => {
    const label = row < 0 || column < 0 || row >= height || column >= width ? 0 : labels[row * width + column];
    return only && label !== only ? 0 : label;
  };
  edges(top, bottom, left, right, (line, i) => at(line - 1, i) !== at(line, i),
    (line, from, to) => { path.moveTo(from, line); path.lineTo(to, line); });
  edges(left, right, top, bottom, (line, i) => at(i, line - 1) !== at(i, line),
    (line, from, to) => { path.moveTo(line, from); path.lineTo(line, to); });
  return path;
}

function edges(firstLine, lastLine, first, last, differs, draw) {
  for (let line = firstLine; line <= lastLine; line++) {
    let start = -1;
    for (let i = first; i <= last; i++) {
      const here = i < last && differs(line, i);
      if (here && start < 0) start = i;
      if (!here && start >= 0) { draw(line, start, i); start = -1; }
    }
  }
}
