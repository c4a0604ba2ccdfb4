"use strict";
/* Charts: plain descriptions of plots become plotly figures in the colours of the page. */
class ReportChart {
  constructor(body, spec, title) {
    Object.assign(this, { body, spec, title });
    this.chosen = spec.choices.map(() => 0);
    const tools = Report.make("div", { class: "tools" });
    spec.choices.forEach((list, i) => tools.append(Report.choice(list.label, list.options, 0,
      (index) => { this.chosen[i] = index; this.draw(); })));
    this.plot = Report.make("div", { class: "plot", role: "img", "aria-label": title });
    if (spec.choices.length) body.append(tools);
    body.append(this.plot);
    this.drawn = false;
    this.narrow = innerWidth < 700;
    Report.onTheme(() => { if (this.drawn) this.draw(); });
    addEventListener("resize", () => {
      if (this.narrow === innerWidth < 700) return;
      this.narrow = innerWidth < 700;
      if (this.drawn) this.draw();
    });
  }

  get current() { return this.spec.plots[this.chosen.join("|")]; }

  draw() {
    const p = this.current;
    this.drawn = true;
    if (!p) { Plotly.purge(this.plot); return; }
    const make = { lines: linesOf, bars: barsOf, stacked: stackedOf, heat: heatOf }[p.form];
    const { traces, height } = make(p, this.narrow);
    Plotly.react(this.plot, traces, layoutOf(p, traces, height, this.narrow), {
      responsive: true, displaylogo: false, displayModeBar: this.narrow ? false : "hover",
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
      toImageButtonOptions: { format: "svg", filename: this.title.replace(/[^\w-]+/g, "_") },
    });
  }
}

const DASHES = ["solid", "dash", "dot", "dashdot"];
/* Plotly reads some markup in texts; names are not markup. */
const safe = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const names = (axis, values) => (axis.kind === "text" ? values.map(safe) : values.map(finite));
const finite = (v) => (typeof v === "string" ? null : v);
const short = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);

function colourOf(index, areas) {
  const { lines, accent, areas: fills } = Report.data.palette;
  if (index === "accent") return Report.dark() ? Report.css("--accent") : accent;
  if (index === "muted") return Report.css("--edge");
  const list = areas ? fills : lines;
  return list[index % list.length];
}

function hover(s, p, i) {
  const rows = [`<b>${safe(s.name)}</b>`];
  if (s.text) rows.push(safe(s.text[i]));
  for (const [axis, values] of [[p.x, s.x], [p.y, s.y]]) {
    const label = axis.label ? safe(axis.label) + ": " : "";
    rows.push(label + safe(Report.format(axis.kind, values[i])));
  }
  if (s.low && s.low[i] !== null && s.low[i] !== undefined) {
    const kind = p.form === "bars" ? p.x.kind : p.y.kind;
    rows.push(`${Report.format(kind, s.low[i])} to ${Report.format(kind, s.high[i])}`);
  }
  return rows.join("<br>");
}

function linesOf(p) {
  const traces = p.series.map((s) => {
    const colour = colourOf(s.colour);
    const round = typeof s.colour === "number" ? Math.floor(s.colour / Report.data.palette.lines.length) : 0;
    return {
      type: "scatter", name: safe(s.name), x: names(p.x, s.x), y: s.y.map(finite),
      mode: [s.line && "lines", s.markers && "markers", s.labelled && "text"].filter(Boolean).join("+"),
      text: s.labelled ? s.text.map((t) => safe(short(t, 18))) : undefined, 
      textposition: s.x.map((_, i) => (i % 2 ? "bottom left" : "top right")),
      cliponaxis: !s.labelled,
      line: { color: colour, width: 2, dash: DASHES[round % 4], shape: s.line === "step" ? "hv" : "linear" },
      marker: { color: colour, size: s.line ? 6 : 7, opacity: s.line ? 1 : 0.8,
        symbol: ["circle", "square", "diamond", "cross"][round % 4] },
      hovertext: s.x.map((_, i) => hover(s, p, i)), hoverinfo: "text", connectgaps: false,
    };
  });
  if (p.diagonal !== null) traces.unshift(...diagonalOf(p));
  return { traces, height: 400 };
}

function diagonalOf(p) {
  const all = p.series.flatMap((s) => [...s.x, ...s.y]).filter((v) => typeof v === "number" && v > 0);
  if (!all.length) return [];
  const ends = [0.85 * Math.min(...all), 1.15 * Math.max(...all)];
  const line = (y, extra) => ({ type: "scatter", mode: "lines", x: ends, y, hoverinfo: "skip", showlegend: false, ...extra });
  const band = Report.dark() ? "rgba(255,255,255,.10)" : "rgba(0,0,0,.07)";
  return [line(ends.map((v) => v * (1 - p.diagonal)), { line: { width: 0 } }),
    line(ends.map((v) => v * (1 + p.diagonal)), { line: { width: 0 }, fill: "tonexty", fillcolor: band }),
    line(ends, { line: { width: 1, color: Report.css("--muted") } })];
}

function barsOf(p, narrow) {
  const many = p.series.length > 1;
  const rows = new Set(p.series.flatMap((s) => s.y)).size;
  const log = p.x.log;
  const traces = p.series.map((s) => {
    const best = Math.min(...s.x.filter((v) => typeof v === "number"));
    const colours = s.x.map((v) => (many ? colourOf(s.colour) : v <= best * (1 + 1e-9)
      ? colourOf(0) : Report.dark() ? "#4d6077" : "#b9c8da"));
    const whisker = s.low ? { type: "data", symmetric: false, color: Report.css("--ink"), thickness: 1,
      array: s.x.map((v, i) => s.high[i] - v), arrayminus: s.x.map((v, i) => v - s.low[i]) } : undefined;
    return {
      type: log ? "scatter" : "bar", mode: "markers", orientation: log ? undefined : "h", name: safe(s.name),
      x: s.x.map(finite), y: s.y.map(safe), error_x: whisker,
      marker: { color: colours, size: 10, symbol: "diamond" },
      text: log || many ? undefined : s.x.map((v) => Report.format(p.x.kind, v)), textposition: "auto",
      insidetextanchor: "end", hovertext: s.x.map((_, i) => hover(s, p, i)), hoverinfo: "text",
    };
  });
  return { traces, height: Math.max(rows * (many ? 16 * p.series.length + 12 : narrow ? 24 : 26) + 90, 200) };
}

function stackedOf(p) {
  const rows = new Set(p.series.flatMap((s) => s.y)).size;
  const traces = p.series.map((s) => ({
    type: "bar", orientation: "h", name: safe(s.name), x: s.x, y: s.y.map(safe),
    marker: { color: colourOf(s.colour, true), line: { color: Report.css("--card"), width: 1 } },
    hovertext: s.x.map((_, i) => hover(s, p, i)), hoverinfo: "text",
  }));
  return { traces, height: Math.max(rows * 38 + 130, 200) };
}

function heatOf(p, narrow) {
  const s = p.series[0];
  const x = p.x.kind === "text" ? s.x.map(safe) : s.x;
  const cells = p.z.map((row, r) => row.map((v, c) => [`<b>${safe(s.y[r])}</b>`,
    `${safe(p.x.label)}: ${safe(Report.format(p.x.kind, s.x[c]))}`,
    `${safe(p.z_axis.label)}: ${safe(Report.format(p.z_axis.kind, v))}`].join("<br>")));
  const written = p.x.kind === "text" && s.x.length <= (narrow ? 4 : 12);
  const values = p.z.map((row) => row.map(finite));
  const { z, bar } = scaleOf(p.z_axis, values);
  return { traces: [{ type: "heatmap", x, y: s.y.map(safe), z, hovertext: cells, hoverinfo: "text",
    text: written ? p.z.map((row) => row.map((v) => (v === null ? "" : Report.format(p.z_axis.kind, v)))) : undefined,
    texttemplate: written ? "%{text}" : undefined, colorscale: "Cividis", reversescale: false,
    xgap: written ? 1 : 0, ygap: 1, colorbar: { thickness: narrow ? 8 : 12, outlinewidth: 0, ...bar } }],
    height: Math.max(s.y.length * 28 + 110, 220) };
}

/* Values far apart get a logarithmic colour scale. */
function scaleOf(axis, values) {
  const all = values.flat().filter((v) => typeof v === "number");
  const low = Math.min(...all), high = Math.max(...all);
  const log = low > 0 && high / low > (axis.kind === "ratio" ? 2 : 30);
  const at = [0, 0.25, 0.5, 0.75, 1].map((f) => (log ? Math.log10(low) + f * Math.log10(high / low) : low + f * (high - low)));
  const bar = { tickvals: at, ticktext: at.map((v) => Report.format(axis.kind, log ? 10 ** v : v)) };
  const z = log ? values.map((row) => row.map((v) => (v === null ? null : Math.log10(v)))) : values;
  return { z, bar: high > low ? bar : { tickvals: [low], ticktext: [Report.format(axis.kind, low)] } };
}

function axisOf(axis, values, narrow) {
  const out = { title: { text: safe(axis.label), standoff: 6, font: { size: 13 } }, gridcolor: Report.css("--faint"),
    zerolinecolor: Report.css("--faint"), linecolor: Report.css("--edge"), automargin: true };
  if (axis.kind === "text") {
    const all = [...new Set(values)].map(String);
    return { ...out, type: "category", categoryorder: "array", categoryarray: all.map(safe), tickvals: all.map(safe),
      ticktext: all.map((t) => safe(short(t, narrow ? 16 : 34))), dtick: 1 };
  }
  if (axis.zero && !axis.log) out.rangemode = "tozero";
  if (axis.kind === "percent") out.tickformat = "~%";
  else if (axis.kind === "ratio") out.ticksuffix = "×";
  else if (axis.kind === "count") out.tickformat = axis.log ? "~s" : ",";
  else if (["seconds", "bytes", "bandwidth"].includes(axis.kind)) {
    const size = Math.max(...values.filter((v) => typeof v === "number").map(Math.abs), 0);
    const unit = { seconds: "s", bytes: "B", bandwidth: "B/s" }[axis.kind];
    out.tickformat = axis.kind === "seconds" && size >= 1000 ? "," : "~s";
    out.ticksuffix = unit;
  }
  if (axis.log) { out.type = "log"; Object.assign(out, logTicks(axis, values)); }
  return out;
}

/* 1, 2 and 5 of every power of ten, or only those of ten over many; even steps within less than one. */
function logTicks(axis, values) {
  const all = values.filter((v) => typeof v === "number" && v > 0);
  if (!all.length) return {};
  const low = Math.min(...all) / 1.5, high = Math.max(...all) * 1.5, at = [];
  if (high / low < 12) return {};
  const steps = high / low > 3000 ? [1] : [1, 2, 5];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    at.push(...steps.map((m) => m * 10 ** power).filter((v) => v >= low && v <= high));
  const plain = { seconds: "s", bytes: "B", bandwidth: "B/s" }[axis.kind];
  const write = (v) => (plain ? Report.si(v, plain, 1) : axis.kind === "ratio" ? Number(v.toPrecision(3)) + "×"
    : axis.kind === "percent" ? Number((100 * v).toPrecision(3)) + " %" : Number(v.toPrecision(6)).toLocaleString("en-US"));
  return { tickvals: at, ticktext: at.map(write), ticksuffix: "" };
}

function layoutOf(p, traces, height, narrow) {
  const lying = p.form === "bars" || p.form === "stacked" || p.form === "heat";
  const xs = p.series.flatMap((s) => [...s.x, ...(s.high && lying ? s.high : [])]);
  const ys = p.series.flatMap((s) => s.y);
  const y = axisOf(p.y, ys, narrow);
  if (lying) { y.autorange = "reversed"; y.showgrid = false; }
  const legend = traces.filter((t) => t.showlegend !== false).length > 1;
  const rows = legend ? Math.ceil(p.series.length / (narrow ? 2 : 5)) : 0;
  const full = height + rows * 22 + (legend ? 18 : 0);
  return {
    height: full, barmode: p.form === "stacked" ? "stack" : "group", bargap: 0.25, showlegend: legend,
    legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom", x: 0, font: { size: 12 },
      itemwidth: 30, traceorder: "normal", bgcolor: "rgba(0,0,0,0)" },
    margin: { l: 10, r: narrow ? 10 : 24, t: p.marks.length ? 24 : 12, b: 34 + (legend ? rows * 20 + 8 : 0) },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: Report.css("--ink"), size: narrow ? 11 : 12.5, family: getComputedStyle(document.body).fontFamily },
    hoverlabel: { bgcolor: Report.css("--card"), bordercolor: Report.css("--edge"), align: "left",
      font: { color: Report.css("--ink"), size: 13 } },
    hovermode: "closest", dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    xaxis: axisOf(p.x, xs, narrow), yaxis: y,
    shapes: p.marks.map(([axis, at]) => ({ type: "line", line: { color: colourOf("accent"), width: 1.5, dash: "dash" },
      ...(axis === "x" ? { x0: at, x1: at, y0: 0, y1: 1, yref: "paper" } : { y0: at, y1: at, x0: 0, x1: 1, xref: "paper" }) })),
    annotations: p.marks.map(([axis, at, label]) => ({ text: safe(label), showarrow: false, font: { color: colourOf("accent"), size: 11 },
      ...(axis === "x" ? { x: p.x.log ? Math.log10(at) : at, y: 1, yref: "paper", yanchor: "bottom" }
        : { y: p.y.log ? Math.log10(at) : at, x: 1, xref: "paper", xanchor: "right", yanchor: "bottom" }) })),
  };
}
