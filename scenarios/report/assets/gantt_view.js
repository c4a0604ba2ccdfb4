"use strict";
/* The data of a Gantt chart and where they lie: typed arrays, lanes, and what a window shows. */
class GanttPanel {
  constructor(spec, number) {
    Object.assign(this, spec, { number });
    const types = { start: Float64Array, end: Float64Array, extra: Float64Array, request: Int32Array,
      item: Int32Array, row: Uint16Array, lane: Uint16Array, done: Uint8Array };
    for (const [name, type] of Object.entries(types)) this[name] = GanttPanel.decode(spec.columns[name], type);
    this.lanes = this.slices();
  }

  static decode(text, type) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return new type(bytes.buffer);
  }

  /* [row][lane] -> first and last index + 1; columns are sorted by row, lane and start. */
  slices() {
    const out = this.rows.map((row) => Array.from({ length: row.lanes }, () => [0, 0]));
    for (let i = 0; i < this.count;) {
      const row = this.row[i], lane = this.lane[i];
      let j = i + 1;
      while (j < this.count && this.row[j] === row && this.lane[j] === lane) j++;
      out[row][lane] = [i, j];
      i = j;
    }
    return out;
  }

  isLink(i) { return this.rows[this.row[i]].kind === "link"; }
  task(i) { return this.isLink(i) ? this.edge_src[this.item[i]] : this.item[i]; }
  name(i) { return this.isLink(i) ? this.edges[this.item[i]] : this.tasks[this.item[i]]; }

  /* First interval of a lane that ends after a moment. */
  after([low, high], moment) {
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.end[middle] <= moment) low = middle + 1; else high = middle;
    }
    return low;
  }

  /* Share of the slots of all nodes that are taken, in equal parts of a span of time. */
  load(begin, end, parts) {
    const out = new Float32Array(parts);
    const per = parts / (end - begin);
    let slots = 0;
    this.rows.forEach((row) => { if (row.kind === "node") slots += row.lanes; });
    for (let i = 0; i < this.count; i++) {
      if (this.isLink(i)) continue;
      const a = Math.max((this.start[i] - begin) * per, 0), b = Math.min((this.end[i] - begin) * per, parts);
      const first = Math.floor(a), last = Math.min(Math.floor(b), parts - 1);
      for (let p = first; p <= last; p++) out[p] += Math.min(b, p + 1) - Math.max(a, p);
    }
    return out.map((v) => v / Math.max(slots, 1));
  }
}

/* Rows of the shown panels from top to bottom, in pixels. */
class GanttRows {
  static HEAD = 22;

  constructor(panels, paired) {
    this.bands = [];
    this.heads = [];
    let y = 4;
    const kinds = ["node", "link"];
    if (paired && panels.length > 1) {
      for (const [kind, index] of GanttRows.places(panels)) {
        for (const panel of panels) {
          const row = panel.rows.findIndex((r) => r.kind === kind && r.index === index);
          if (row >= 0) y = this.add(panel, row, y, 2, panels.indexOf(panel) === 0);
        }
        y += 7;
      }
    } else {
      for (const panel of panels) {
        if (panels.length > 1) { this.heads.push({ y, text: panel.title }); y += GanttRows.HEAD; }
        for (const kind of kinds) {
          panel.rows.forEach((row, r) => { if (row.kind === kind) y = this.add(panel, r, y, 4, true); });
          y += kind === "node" ? 6 : 4;
        }
      }
    }
    this.height = y + 2;
  }

  static places(panels) {
    const seen = new Map();
    for (const panel of panels)
      for (const row of panel.rows) seen.set(`${row.kind} ${row.index}`, [row.kind, row.index]);
    return [...seen.values()].sort((a, b) => (a[0] === b[0] ? a[1] - b[1] : a[0] === "node" ? -1 : 1));
  }

  add(panel, row, y, gap, named) {
    const { lanes, kind } = panel.rows[row];
    const each = kind === "node" ? (lanes === 1 ? 22 : lanes <= 4 ? 15 : 9) : lanes === 1 ? 15 : Math.max(Math.min(60 / lanes, 9), 3);
    this.bands.push({ panel, row, y, each, height: each * lanes, named });
    return y + each * lanes + gap;
  }

  at(y) { return this.bands.find((band) => y >= band.y && y < band.y + band.height); }
}
