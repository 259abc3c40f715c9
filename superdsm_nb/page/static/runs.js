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
  const [top, left, bottom, right] = only ? map.boxes.get(only) ?? [0, 0, 0, 0] : [0, 0, map.height, map.width];
  const { labels, width } = framed(map, top, left, bottom, right, only);
  const path = new Path2D(), since = new Int32Array(width).fill(-1);  // where an edge along each column begins
  for (let row = 1; row < labels.length / width; row++) {
    let start = -1;  // where an edge along this row begins
    for (let column = 1, i = row * width + 1; column < width; column++, i++) {
      const label = labels[i];
      if (label !== labels[i - width]) {
        if (start < 0) start = column;
      } else if (start >= 0) { across(path, left, top + row - 1, start, column); start = -1; }
      if (label !== labels[i - 1]) {
        if (since[column] < 0) since[column] = row;
      } else if (since[column] >= 0) { along(path, top, left + column - 1, since[column], row); since[column] = -1; }
    }
  }
  return path;
}

// A part of a label map with a frame of zeros around it: one pixel before it, one after it.
function framed({ labels, width }, top, left, bottom, right, only) {
  const wide = right - left + 2, result = new Uint32Array(wide * (bottom - top + 2));
  for (let row = top; row < bottom; row++) {
    const part = labels.subarray(row * width + left, row * width + right);
    result.set(only ? part.map((label) => (label === only ? label : 0)) : part, (row - top + 1) * wide + 1);
  }
  return { labels: result, width: wide };
}

function across(path, left, line, from, to) {
  path.moveTo(left + from - 1, line);
  path.lineTo(left + to - 1, line);
}

function along(path, top, line, from, to) {
  path.moveTo(line, top + from - 1);
  path.lineTo(line, top + to - 1);
}
