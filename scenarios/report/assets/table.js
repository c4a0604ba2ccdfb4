"use strict";
/* Tables: click or Enter on a heading sorts, typing filters, pages keep long ones quick. */
class ReportTable {
  constructor(body, spec, title) {
    Object.assign(this, { body, spec, title, page: 0, sort: -1, up: true, query: "" });
    this.shown = spec.rows.map((_, i) => i);
    this.build();
    this.fill();
  }

  build() {
    const { make } = Report;
    this.count = make("span", { class: "count", role: "status" });
    const search = make("input", { type: "search", placeholder: "filter", "aria-label": "Filter " + this.title,
      oninput: () => { this.query = search.value.trim().toLowerCase(); this.apply(); } });
    this.back = make("button", { type: "button", onclick: () => this.turn(-1), "aria-label": "Previous rows" }, "‹");
    this.next = make("button", { type: "button", onclick: () => this.turn(1), "aria-label": "Next rows" }, "›");
    this.pager = make("span", { class: "group" }, this.back, this.next);
    const save = make("button", { type: "button", onclick: () => this.save() }, "CSV");
    this.tools = make("div", { class: "tools" }, search, this.count, this.pager, save);
    this.heads = this.spec.columns.map((column, i) => {
      const arrow = make("span", { class: "arrow", "aria-hidden": "true" });
      const button = make("button", { type: "button", title: column.hint || null,
        onclick: () => this.by(i) }, column.label, arrow);
      return make("th", { scope: "col", class: column.kind === "text" ? null : "n", "aria-sort": "none" }, button);
    });
    this.rows = make("tbody");
    const table = make("table", {}, make("thead", {}, make("tr", {}, ...this.heads)), this.rows);
    this.body.append(this.tools,
      make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": this.title }, table));
    const few = this.spec.rows.length <= 3;
    this.tools.hidden = few;
    if (few) this.tools.style.display = "none";
  }

  by(column) {
    this.up = this.sort === column ? !this.up : true;
    this.sort = column;
    this.heads.forEach((head, i) => {
      head.setAttribute("aria-sort", i !== column ? "none" : this.up ? "ascending" : "descending");
      head.querySelector(".arrow").textContent = i !== column ? "" : this.up ? " ▲" : " ▼";
    });
    this.apply();
  }

  apply() {
    const { rows, columns } = this.spec;
    const words = this.query.split(/\s+/).filter(Boolean);
    this.shown = rows.map((_, i) => i).filter((i) => words.every((word) =>
      rows[i].some((cell, c) => Report.format(columns[c].kind, cell).toLowerCase().includes(word))));
    if (this.sort >= 0) {
      const c = this.sort, sign = this.up ? 1 : -1;
      const text = columns[c].kind === "text";
      const collator = new Intl.Collator("en", { numeric: true });
      this.shown.sort((a, b) => {
        const x = rows[a][c], y = rows[b][c];
        if (text) return x === null ? 1 : y === null ? -1 : sign * collator.compare(x, y) || a - b;
        const v = Report.weight(x), w = Report.weight(y);
        if (Number.isNaN(v) || Number.isNaN(w)) return Number.isNaN(v) - Number.isNaN(w) || a - b;
        return v === w ? a - b : sign * (v < w ? -1 : 1);
      });
    }
    this.page = 0;
    this.fill();
  }

  turn(by) { this.page += by; this.fill(); }

  fill() {
    const { make, format } = Report;
    const { rows, columns, size } = this.spec;
    const begin = this.page * size, end = Math.min(begin + size, this.shown.length);
    this.rows.replaceChildren(...this.shown.slice(begin, end).map((i) => make("tr", {},
      ...rows[i].map((cell, c) => {
        const text = format(columns[c].kind, cell);
        const kind = columns[c].kind === "text" ? (text.length > 60 ? "wrap" : null) : "n";
        const exact = typeof cell === "number" ? String(cell) : text.length > 40 ? text : null;
        return make("td", { class: kind, title: exact }, text);
      }))));
    const all = rows.length, found = this.shown.length;
    const part = found > size ? `${begin + 1}–${end} of ` : "";
    this.count.textContent = `${part}${found.toLocaleString("en-US")}${found < all ? ` (of ${all.toLocaleString("en-US")})` : ""} rows`;
    this.pager.style.display = found > size ? "" : "none";
    this.back.disabled = this.page === 0;
    this.next.disabled = end >= found;
  }

  save() {
    const quote = (v) => `"${String(v ?? "").replaceAll('"', '""')}"`;
    const raw = (v) => (v !== null && typeof v === "object" ? v.value : v);
    const lines = [this.spec.columns.map((c) => quote(c.label)).join(",")];
    for (const i of this.shown) lines.push(this.spec.rows[i].map((v) => quote(raw(v))).join(","));
    const url = URL.createObjectURL(new Blob([lines.join("\r\n") + "\r\n"], { type: "text/csv" }));
    Report.make("a", { href: url, download: this.title.replace(/[^\w-]+/g, "_") + ".csv" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
}
