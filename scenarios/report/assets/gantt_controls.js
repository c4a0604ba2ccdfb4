"use strict";
/* What the hand does with a Gantt chart: buttons, keys, mouse, touch, and what is said in return. */
class GanttControls {
  constructor(gantt) {
    this.gantt = gantt;
    this.pointers = new Map();
    this.tools();
    this.legend();
    this.mouse();
    this.keys();
    this.strip();
  }

  tools() {
    const g = this.gantt, { make, choice } = Report;
    const button = (text, label, act) => make("button", { type: "button", "aria-label": label, title: label, onclick: act }, text);
    g.tools.append(make("span", { class: "group" },
      button("◀", "Earlier", () => g.pan(-0.4)), button("▶", "Later", () => g.pan(0.4)),
      button("+", "Zoom in", () => g.zoom(0.5)), button("−", "Zoom out", () => g.zoom(2)),
      button("All", "Show the whole time", () => g.whole())));
    const kinds = ["tasks", "requests", ...(g.panels[0].streams.length > 1 ? ["streams"] : [])];
    g.tools.append(choice("Colours", kinds, kinds.indexOf(g.colours), (i) => { g.colours = kinds[i]; this.legend(); g.redraw(); }));
    if (g.panels[0].requests > 1) {
      this.number = make("input", { type: "number", min: 0, max: g.panels[0].requests - 1, placeholder: "none",
        onchange: () => this.follow(this.number.value === "" ? -1 : Number(this.number.value), true) });
      g.tools.append(make("label", {}, "Follow request", this.number));
      const focus = g.panels[0].focus;
      if (focus >= 0) g.tools.append(button("p99", `Follow request ${focus}, at the 99th percentile of latency`, () => this.follow(focus, true)));
    }
    if (g.panels.length > 1) this.runs();
  }

  runs() {
    const g = this.gantt, { make } = Report;
    const box = (text, on, act) => {
      const input = make("input", { type: "checkbox", onchange: () => act(input) });
      input.checked = on;
      return make("label", {}, input, text);
    };
    g.panels.forEach((panel, i) => g.tools.append(box(panel.title, g.shown[i], (input) => {
      g.shown[i] = input.checked;
      if (!g.active.length) { g.shown[i] = input.checked = true; }
      g.arrange();
    })));
    g.tools.append(box("side by side", g.paired, (input) => { g.paired = input.checked; g.arrange(); }));
  }

  legend() {
    const g = this.gantt, p = g.panels[0], areas = Report.data.palette.areas;
    const labels = g.colours === "tasks" ? p.tasks : g.colours === "streams" ? p.streams : [];
    const items = labels.length <= 16 ? labels.map((text, i) => {
      const key = Report.make("i");
      key.style.background = areas[i % areas.length];
      return Report.make("span", {}, key, text);
    }) : [];
    if (!items.length) items.push(Report.make("span", {}, g.colours === "requests"
      ? "Colours change from request to request; messages have the colour of theirs." : "Colours repeat after 8 tasks; hover for names."));
    g.legend.replaceChildren(...items);
  }

  /* Follow one request; `show` also brings it into view. */
  follow(request, show) {
    const g = this.gantt;
    g.followed = Number.isInteger(request) && request >= 0 ? request : -1;
    if (this.number) this.number.value = g.followed < 0 ? "" : g.followed;
    if (show && g.followed >= 0) {
      let low = Infinity, high = -Infinity;
      for (const p of g.active)
        for (let i = 0; i < p.count; i++)
          if (p.request[i] === g.followed) { low = Math.min(low, p.start[i]); high = Math.max(high, p.end[i]); }
      if (low < high) g.setWindow(low - 0.3 * (high - low), high + 0.3 * (high - low));
    }
    g.redraw();
  }

  mouse() {
    const g = this.gantt, c = g.canvas;
    c.addEventListener("pointerdown", (e) => this.down(e));
    c.addEventListener("pointermove", (e) => this.move(e));
    for (const name of ["pointerup", "pointercancel"]) c.addEventListener(name, (e) => this.up(e));
    c.addEventListener("pointerleave", () => { if (!this.pointers.size) this.hide(); });
    c.addEventListener("dblclick", (e) => g.zoom(0.4, g.moment(e.offsetX)));
    c.addEventListener("wheel", (e) => {
      const side = Math.abs(e.deltaX) > Math.abs(e.deltaY) || e.shiftKey;
      if (side) { e.preventDefault(); g.pan((e.deltaX || e.deltaY) / 800); }
      else if (e.ctrlKey || e.metaKey || document.activeElement === c) { e.preventDefault(); g.zoom(2 ** (e.deltaY / 240), g.moment(e.offsetX)); }
    }, { passive: false });
  }

  down(e) {
    const g = this.gantt;
    if (this.pointers.size === 0) this.travelled = 0;
    this.pointers.set(e.pointerId, { x: e.offsetX, y: e.offsetY, from: e.offsetX });
    g.canvas.setPointerCapture(e.pointerId);
    this.selecting = e.shiftKey ? g.moment(e.offsetX) : null;
    g.canvas.classList.add("dragging");
  }

  move(e) {
    const g = this.gantt, held = this.pointers.get(e.pointerId);
    if (!held) { this.point(e.offsetX, e.offsetY, e.clientX, e.clientY); return; }
    const others = [...this.pointers.values()].filter((p) => p !== held);
    const dx = e.offsetX - held.x;
    this.travelled += Math.abs(dx);
    if (others.length) {
      const before = Math.abs(held.x - others[0].x), now = Math.abs(e.offsetX - others[0].x);
      if (before > 8 && now > 8) g.zoom(before / now, g.moment((held.x + others[0].x) / 2));
    } else if (this.selecting === null && Math.abs(dx) > 0) {
      g.setWindow(g.window[0] - dx / g.scale, g.window[1] - dx / g.scale);
    }
    held.x = e.offsetX;
    if (this.travelled > 4) this.hide();
  }

  up(e) {
    const g = this.gantt;
    if (!this.pointers.delete(e.pointerId)) return;
    g.canvas.classList.remove("dragging");
    if (this.selecting !== null && this.travelled > 8) {
      const end = g.moment(e.offsetX);
      g.setWindow(Math.min(this.selecting, end), Math.max(this.selecting, end));
    } else if (this.travelled <= 4 && e.type === "pointerup") {
      const hit = this.find(e.offsetX, e.offsetY);
      if (e.pointerType !== "mouse") this.point(e.offsetX, e.offsetY, e.clientX, e.clientY);
      const request = hit ? hit.panel.request[hit.i] : -1;
      this.follow(request === g.followed ? -1 : request, false);
    }
    this.selecting = null;
  }

  /* The interval at a place, with a tolerance of a pixel and a half. */
  find(x, y) {
    const g = this.gantt, band = g.layout.at(y + g.view.scrollTop);
    if (!band || x < g.gutter) return null;
    const lane = Math.min(Math.floor((y + g.view.scrollTop - band.y) / band.each), band.panel.rows[band.row].lanes - 1);
    const slice = band.panel.lanes[band.row][lane], room = 1.5 / g.scale, moment = g.moment(x);
    const i = band.panel.after(slice, moment - room);
    return i < slice[1] && band.panel.start[i] <= moment + room ? { panel: band.panel, i, band, lane } : null;
  }

  point(x, y, clientX, clientY) {
    const g = this.gantt, hit = this.find(x, y);
    if ((hit?.i ?? -1) !== (g.hot?.i ?? -1) || hit?.panel !== g.hot?.panel) { g.hot = hit; g.redraw(); }
    if (!hit) { this.hide(); return; }
    const lines = this.facts(hit.panel, hit.i);
    g.box.replaceChildren(Report.make("b", {}, lines[0][1]), ...lines.slice(1).map(([label, text]) =>
      Report.make("div", {}, Report.make("span", {}, label), Report.make("em", { style: "font-style:normal" }, text))));
    g.box.hidden = false;
    const { width, height } = g.box.getBoundingClientRect();
    g.box.style.left = Math.max(Math.min(clientX + 14, innerWidth - width - 8), 8) + "px";
    g.box.style.top = (clientY + 18 + height > innerHeight ? clientY - height - 12 : clientY + 18) + "px";
  }

  facts(p, i) {
    const seconds = (v) => Report.si(v, "s", 5), row = p.rows[p.row[i]];
    const out = [["", p.name(i)]];
    if (this.gantt.panels.length > 1) out.push(["run", p.title]);
    if (p.requests > 1) out.push(["request", String(p.request[i])]);
    out.push([row.kind, row.name + (row.lanes > 1 && row.kind === "node" ? `, slot ${p.lane[i] + 1} of ${row.lanes}` : "")]);
    if (p.isLink(i)) {
      const src = p.edge_src[p.item[i]];
      out.push(["from task", p.tasks[src]], ["size", Report.si(p.extra[i], "B")]);
    } else {
      out.push(["variant", p.variants[p.item[i]]]);
      if (p.extra[i] === p.extra[i]) out.push(["ready", seconds(p.extra[i])], ["waited", seconds(Math.max(p.start[i] - p.extra[i], 0))]);
    }
    out.push(["start", seconds(p.start[i])], ["end", seconds(p.end[i])], ["took", seconds(p.end[i] - p.start[i])]);
    if (!p.done[i]) out.push(["", "ended by an outage"]);
    return out;
  }

  hide() {
    const g = this.gantt;
    g.box.hidden = true;
    if (g.hot) { g.hot = null; g.redraw(); }
  }

  keys() {
    const g = this.gantt;
    const acts = { ArrowLeft: () => g.pan(-0.2), ArrowRight: () => g.pan(0.2), "+": () => g.zoom(0.6), "=": () => g.zoom(0.6),
      "-": () => g.zoom(1 / 0.6), 0: () => g.whole(), n: () => this.step(1), p: () => this.step(-1),
      ArrowDown: () => { g.view.scrollTop += 40; }, ArrowUp: () => { g.view.scrollTop -= 40; },
      Escape: () => { this.follow(-1, false); this.hide(); } };
    g.canvas.addEventListener("keydown", (e) => {
      if (!acts[e.key] || e.ctrlKey || e.metaKey || e.altKey) return;
      e.preventDefault();
      acts[e.key]();
    });
  }

  /* To the next or the previous interval by position in the chart, and say what it is. */
  step(by) {
    const g = this.gantt, from = g.hot;
    const panel = from?.panel ?? g.active[0];
    if (!panel.count) return;
    const i = from ? Math.min(Math.max(from.i + by, 0), panel.count - 1) : 0;
    g.hot = { panel, i };
    const [a, b] = [panel.start[i], panel.end[i]], span = g.window[1] - g.window[0];
    if (a < g.window[0] || b > g.window[1]) g.setWindow((a + b) / 2 - span / 2, (a + b) / 2 + span / 2);
    const band = g.layout.bands.find((x) => x.panel === panel && x.row === panel.row[i]);
    if (band.y < g.view.scrollTop || band.y + band.height > g.view.scrollTop + g.height) g.view.scrollTop = band.y - 40;
    g.said.textContent = this.facts(panel, i).map((pair) => pair.filter(Boolean).join(" ")).join(", ");
    const place = g.canvas.getBoundingClientRect();
    g.scale = (g.width - g.gutter) / (g.window[1] - g.window[0]);
    const x = Math.min(Math.max(g.x((a + b) / 2), g.gutter + 2), g.width - 2), y = band.y - g.view.scrollTop + panel.lane[i] * band.each + band.each / 2;
    g.redraw();
    this.point(x, y, place.left + x, place.top + y);
  }

  strip() {
    const g = this.gantt, c = g.overview;
    const go = (e) => {
      const at = g.all[0] + ((e.offsetX - g.gutter) / (g.width - g.gutter)) * (g.all[1] - g.all[0]);
      const span = g.window[1] - g.window[0];
      g.setWindow(at - span / 2, at + span / 2);
    };
    c.addEventListener("pointerdown", (e) => { c.setPointerCapture(e.pointerId); go(e); });
    c.addEventListener("pointermove", (e) => { if (e.buttons) go(e); });
  }
}
