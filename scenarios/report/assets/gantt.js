"use strict";
/* The Gantt chart: a canvas that shows the part of time and the rows that fit. Intervals narrower
   than a pixel and a half are summed up by pixel: colour of the longest, strength by share. */
class ReportGantt {
  constructor(body, spec, title) {
    this.panels = spec.panels.map((panel, i) => new GanttPanel(panel, i));
    this.shown = this.panels.map((_, i) => i < spec.shown);
    Object.assign(this, { body, title, paired: false, colours: this.firstColours(), followed: -1, hot: null, dirty: false });
    this.build();
    this.arrange();
    const first = this.panels[0].first;
    if (first) this.setWindow(first[0], first[1]); else this.whole();
    new GanttControls(this);
    Report.onTheme(() => this.redraw());
    new ResizeObserver(() => this.measure()).observe(this.body);
    this.measure();
  }

  firstColours() {
    const p = this.panels[0];
    return p.requests === 1 || p.tasks.length <= 8 ? "tasks" : p.streams.length > 1 ? "streams" : "requests";
  }

  build() {
    const { make } = Report;
    this.overview = make("canvas", { class: "overview", "aria-hidden": "true" });
    this.canvas = make("canvas", { tabindex: 0, role: "img", "aria-label": this.title + "; arrows move, plus and minus zoom, n and p step through intervals" });
    this.spacer = make("div");
    this.view = make("div", { class: "view" }, this.canvas, this.spacer);
    this.axis = make("canvas", { "aria-hidden": "true" });
    this.tools = make("div", { class: "tools" });
    this.legend = make("div", { class: "legend" });
    this.said = make("div", { class: "said", role: "status" });
    this.box = make("div", { class: "tip-box" });
    this.box.hidden = true;
    this.body.append(this.tools, this.overview, this.axis, this.view, this.legend, this.said, this.box);
    this.view.addEventListener("scroll", () => this.redraw());
  }

  get active() { return this.panels.filter((_, i) => this.shown[i]); }

  arrange() {
    this.layout = new GanttRows(this.active, this.paired);
    const windows = this.active.map((p) => p.window);
    this.all = [Math.min(...windows.map((w) => w[0])), Math.max(...windows.map((w) => w[1]))];
    this.loads = null;
    if (this.width) this.measure();
  }

  whole() { const room = (this.all[1] - this.all[0]) * 0.005; this.setWindow(this.all[0] - room, this.all[1] + room); }

  setWindow(begin, end) {
    const least = (this.all[1] - this.all[0]) * 1e-7;
    if (!(end - begin > least)) { const middle = (begin + end) / 2; begin = middle - least / 2; end = middle + least / 2; }
    const span = Math.min(end - begin, (this.all[1] - this.all[0]) * 1.02);
    const low = this.all[0] - 0.02 * (this.all[1] - this.all[0]) - 0.2 * span;
    const high = this.all[1] + 0.02 * (this.all[1] - this.all[0]) + 0.2 * span;
    begin = Math.min(Math.max(begin, low), high - span);
    this.window = [begin, begin + span];
    this.redraw();
  }

  zoom(factor, at = (this.window[0] + this.window[1]) / 2) {
    this.setWindow(at - (at - this.window[0]) * factor, at + (this.window[1] - at) * factor);
  }

  pan(share) {
    const by = share * (this.window[1] - this.window[0]);
    this.setWindow(this.window[0] + by, this.window[1] + by);
  }

  measure() {
    const width = Math.floor(this.body.clientWidth);
    if (width < 40) return;
    this.width = width - 2;
    this.gutter = Math.min(Math.max(width * 0.16, 84), 150);
    this.ratio = Math.min(devicePixelRatio || 1, 2);
    const most = Math.max(Math.min(innerHeight * 0.66, 900), 220);
    this.height = Math.min(this.layout.height, most);
    this.view.style.height = this.height + 2 + "px";
    this.spacer.style.height = Math.max(this.layout.height - this.height, 0) + "px";
    const size = (canvas, w, h) => {
      canvas.width = Math.round(w * this.ratio); canvas.height = Math.round(h * this.ratio);
      canvas.style.width = w + "px"; canvas.style.height = h + "px";
    };
    size(this.canvas, this.width, this.height);
    size(this.axis, this.width, 20);
    size(this.overview, this.width, 8 + 18 * this.active.length);
    this.loads = null;
    this.redraw();
  }

  redraw() {
    if (this.dirty) return;
    this.dirty = true;
    requestAnimationFrame(() => { this.dirty = false; this.draw(); });
  }

  x(moment) { return this.gutter + (moment - this.window[0]) * this.scale; }
  moment(x) { return this.window[0] + (x - this.gutter) / this.scale; }

  draw() {
    if (!this.width) return;
    this.scale = (this.width - this.gutter) / (this.window[1] - this.window[0]);
    this.theme = Object.fromEntries(["ink", "muted", "faint", "lane", "lane2", "card", "accent", "edge"].map((n) => [n, Report.css("--" + n)]));
    const c = this.canvas.getContext("2d");
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.clearRect(0, 0, this.width, this.height);
    const top = this.view.scrollTop;
    const visible = this.layout.bands.filter((b) => b.y + b.height >= top && b.y <= top + this.height);
    this.lines(c);
    for (const band of visible) this.drawBand(c, band, band.y - top);
    this.names(c, visible, top);
    this.drawAxis();
    this.drawOverview();
  }

  drawBand(c, band, y) {
    const { panel, row, each } = band;
    c.fillStyle = panel.rows[row].kind === "node" ? this.theme.lane : this.theme.lane2;
    c.fillRect(this.gutter, y, this.width - this.gutter, band.height);
    for (const [at, begin, end, kind] of panel.spans) {
      if (at !== row) continue;
      const a = Math.max(this.x(begin), this.gutter), b = Math.min(this.x(end ?? Infinity), this.width);
      if (b <= a) continue;
      c.fillStyle = kind === "outage" ? this.theme.edge : Report.data.palette.slow;
      c.globalAlpha = kind === "outage" ? 0.55 : 0.22;
      c.fillRect(a, y, b - a, band.height);
      c.globalAlpha = 1;
    }
    panel.lanes[row].forEach((slice, lane) => this.drawLane(c, panel, slice, y + lane * each, each));
  }

  /* Wide intervals one by one, narrow ones by pixel; the work is bounded by the pixels and by one
     pass over what the window shows. */
  drawLane(c, panel, slice, y, each) {
    const { start, end, done } = panel, { gutter, width, scale } = this, begin = this.window[0];
    const high = Math.max(each - (each > 6 ? 1.5 : 0.5), 1);
    const pixels = Math.ceil(width - gutter) + 1;
    if (!this.cover || this.cover.length < pixels) { this.cover = new Float32Array(pixels); this.longest = new Float32Array(pixels); this.tint = new Int16Array(pixels); }
    let any = false;
    for (let i = panel.after(slice, begin); i < slice[1] && start[i] < this.window[1]; i++) {
      const a = Math.max((start[i] - begin) * scale, 0), b = Math.min((end[i] - begin) * scale, width - gutter);
      if (b - a >= 1.5) { this.drawWide(c, panel, i, gutter + a, b - a, y, high, done[i]); continue; }
      const p = a | 0, length = Math.max(b - a, 0.02), seen = this.fade(panel, i) ? length * 0.2 : length;
      any = true;
      this.cover[p] += seen;
      if (seen > this.longest[p]) { this.longest[p] = seen; this.tint[p] = this.tintOf(panel, i); }
    }
    if (any) this.flush(c, pixels, y, high);
  }

  flush(c, pixels, y, high) {
    const { cover, tint, longest } = this;
    for (let p = 0; p < pixels;) {
      if (cover[p] === 0) { p++; continue; }
      const level = Math.min(Math.ceil(cover[p] * 6), 6), colour = tint[p];
      let q = p + 1;
      while (q < pixels && cover[q] > 0 && tint[q] === colour && Math.min(Math.ceil(cover[q] * 6), 6) === level) q++;
      c.globalAlpha = 0.22 + 0.13 * level;
      c.fillStyle = Report.data.palette.areas[colour];
      c.fillRect(this.gutter + p, y, q - p, high);
      p = q;
    }
    c.globalAlpha = 1;
    cover.fill(0, 0, pixels);
    longest.fill(0, 0, pixels);
  }

  drawWide(c, panel, i, x, w, y, high, done) {
    const faded = this.fade(panel, i);
    c.globalAlpha = faded ? 0.2 : 1;
    c.fillStyle = Report.data.palette.areas[this.tintOf(panel, i)];
    c.fillRect(x, y, w > 4 ? w - 0.6 : w, high);
    if (!done) this.hatch(c, x, y, w, high);
    if (this.hot && this.hot.panel === panel && this.hot.i === i) {
      c.strokeStyle = this.theme.accent; c.lineWidth = 2;
      c.strokeRect(x + 1, y + 1, Math.max(w - 2, 1), Math.max(high - 2, 1));
    }
    if (high >= 11 && w > 26 && !faded) this.label(c, panel, i, x, w, y, high);
    c.globalAlpha = 1;
  }

  label(c, panel, i, x, w, y, high) {
    c.font = `${Math.min(high - 4, 12)}px system-ui, sans-serif`;
    const text = this.colours === "requests" && panel.requests > 1 ? `${panel.name(i)} ${panel.request[i]}` : panel.name(i);
    const shown = this.fit(c, text, w - 6);
    if (!shown) return;
    c.fillStyle = "#1b1b1b";
    c.textBaseline = "middle";
    c.fillText(shown, x + 3, y + high / 2 + 0.5);
  }

  /* The text, or its beginning, if at least three characters of it fit. */
  fit(c, text, room) {
    this.widths ??= new Map();
    const key = c.font + text;
    if (!this.widths.has(key)) this.widths.set(key, c.measureText(text).width);
    const whole = this.widths.get(key);
    if (whole <= room) return text;
    const most = Math.floor((text.length * room) / whole) - 1;
    return most < 3 ? "" : text.slice(0, most) + "…";
  }

  hatch(c, x, y, w, h) {
    c.strokeStyle = "#444"; c.lineWidth = 1;
    c.beginPath();
    for (let at = x; at < x + w; at += 5) { c.moveTo(at, y + h); c.lineTo(Math.min(at + h, x + w), y); }
    c.stroke();
  }

  tintOf(panel, i) {
    const most = Report.data.palette.areas.length;
    if (this.colours === "requests") return panel.request[i] % most;
    const task = panel.task(i);
    return (this.colours === "streams" ? panel.task_stream[task] : task) % most;
  }

  fade(panel, i) { return this.followed >= 0 && panel.request[i] !== this.followed; }

  /* Steps of time as 1, 2 or 5 of a power of ten, about one in 110 pixels. */
  ticks() {
    const raw = (110 / this.scale), power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
    const out = [];
    for (let k = Math.ceil(this.window[0] / step); k * step <= this.window[1]; k++) out.push(k * step);
    return { step, out };
  }

  lines(c) {
    c.strokeStyle = this.theme.faint; c.lineWidth = 1;
    c.beginPath();
    for (const t of this.ticks().out) { const x = Math.round(this.x(t)) + 0.5; if (x > this.gutter) { c.moveTo(x, 0); c.lineTo(x, this.height); } }
    c.stroke();
  }

  drawAxis() {
    const c = this.axis.getContext("2d"), { step, out } = this.ticks();
    const far = Math.max(Math.abs(this.window[0]), Math.abs(this.window[1]));
    const [unit, factor] = far >= 1.5 ? ["s", 1] : far >= 1.5e-3 ? ["ms", 1e3] : ["µs", 1e6];
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.clearRect(0, 0, this.width, 20);
    c.fillStyle = this.theme.muted; c.font = "11px system-ui, sans-serif"; c.textAlign = "center";
    for (const t of out) {
      const x = this.x(t), digits = Math.max(0, -Math.floor(Math.log10(step * factor) + 1e-9));
      if (x > this.gutter + 14 && x < this.width - 14) c.fillText(`${(t * factor).toFixed(digits)} ${unit}`, x, 14);
    }
    c.textAlign = "start";
  }

  names(c, visible, top) {
    c.fillStyle = this.theme.card;
    c.fillRect(0, 0, this.gutter - 1, this.height);
    c.textBaseline = "middle";
    for (const band of visible) {
      if (!band.named) continue;
      const { name, kind } = band.panel.rows[band.row];
      c.font = kind === "node" ? "600 12px system-ui, sans-serif" : "11px system-ui, sans-serif";
      c.fillStyle = kind === "node" ? this.theme.ink : this.theme.muted;
      c.fillText(this.fit(c, name, this.gutter - 10), 4, band.y - top + Math.min(band.height / 2, 14));
    }
    c.font = "600 12px system-ui, sans-serif";
    c.fillStyle = this.theme.accent;
    for (const head of this.layout.heads) c.fillText(`${head.text}`, 4, head.y - top + 11);
  }

  drawOverview() {
    const c = this.overview.getContext("2d"), parts = Math.ceil(this.width - this.gutter);
    const full = 4 + 18 * this.active.length;
    this.loads ??= this.active.map((panel) => panel.load(this.all[0], this.all[1], parts));
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.clearRect(0, 0, this.width, full + 4);
    this.loads.forEach((load, n) => {
      const y = 4 + 18 * n;
      c.fillStyle = this.theme.lane; c.fillRect(this.gutter, y, parts, 16);
      c.fillStyle = Report.data.palette.areas[0];
      for (let p = 0; p < parts; p++) if (load[p] > 0) { const h = Math.max(16 * Math.min(load[p], 1), 0.6); c.fillRect(this.gutter + p, y + 16 - h, 1, h); }
      c.fillStyle = this.theme.muted; c.font = "11px system-ui, sans-serif"; c.textBaseline = "middle";
      c.fillText(this.fit(c, this.active.length > 1 ? this.active[n].title : "nodes in use", this.gutter - 8), 4, y + 8);
    });
    const per = parts / (this.all[1] - this.all[0]);
    const a = Math.max((this.window[0] - this.all[0]) * per, 0), b = Math.min((this.window[1] - this.all[0]) * per, parts);
    c.strokeStyle = this.theme.accent; c.lineWidth = 1.5;
    c.strokeRect(this.gutter + a, 2.5, Math.max(b - a, 2), full - 1);
  }
}
