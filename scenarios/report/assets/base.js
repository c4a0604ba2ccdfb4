"use strict";
/* What all parts share: the data, how numbers are written, light and dark. */
const Report = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const listeners = [];
  const PREFIXES = [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3], ["", 1], ["m", 1e-3],
    ["µ", 1e-6], ["n", 1e-9]];

  function significant(value, digits) {
    const whole = String(Math.trunc(Math.abs(value))).length;
    return value.toFixed(Math.max(digits - whole, 0));
  }

  function si(value, unit, digits = 4) {
    if (value === 0) return "0 " + unit;
    for (const [prefix, factor] of PREFIXES) {
      if (Math.abs(value) >= factor * (1 - 0.5 * 10 ** -digits) && !(unit === "s" && factor > 1))
        return significant(value / factor, digits) + " " + prefix + unit;
    }
    return Number(value.toPrecision(digits)) + " " + unit;
  }

  function number(value) {
    if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toLocaleString("en-US");
    const size = Math.abs(value);
    if (size >= 1e6 || (size > 0 && size < 1e-4)) return value.toExponential(3);
    return String(Number(value.toPrecision(4)));
  }

  /* A value as its column or axis writes it. */
  function format(kind, value) {
    if (value === null || value === undefined) return "–";
    if (value === "Infinity" || value === Infinity) return "∞";
    if (value === "-Infinity" || value === -Infinity) return "−∞";
    if (typeof value === "object") return value.shown;
    if (typeof value !== "number") return String(value);
    if (kind === "seconds") return si(value, "s");
    if (kind === "bytes") return si(value, "B");
    if (kind === "bandwidth") return si(value, "B/s");
    if (kind === "percent") {
      const share = 100 * value;
      return (Math.abs(share) < 1000 ? significant(share, Math.abs(share) < 10 ? 3 : 4)
        : number(Math.round(share))) + " %";
    }
    if (kind === "ratio") return value.toFixed(Math.abs(value) < 100 ? 3 : 0) + "×";
    return number(value);
  }

  /* The number by which a cell is sorted. */
  function weight(value) {
    if (value !== null && typeof value === "object") value = value.value;
    if (value === null || value === undefined || value === "") return NaN;
    return Number(value);
  }

  /* An element; text of users only ever becomes text. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== false && value !== null && value !== undefined)
        element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  }

  /* A list with a label; calls back with the index chosen. */
  function choice(label, options, chosen, changed) {
    const select = make("select", { onchange: () => changed(select.selectedIndex) });
    options.forEach((text, i) => select.append(make("option", { value: i }, text)));
    select.selectedIndex = chosen;
    return make("label", {}, label, select);
  }

  const dark = () => document.documentElement.dataset.theme === "dark";
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function setTheme(name) {
    document.documentElement.dataset.theme = name;
    document.getElementById("theme-name").textContent = name === "dark" ? "☀ Light" : "☾ Dark";
    listeners.forEach((listener) => listener());
  }

  function startTheme() {
    const system = matchMedia("(prefers-color-scheme: dark)");
    let chosen = null;
    try { chosen = localStorage.getItem("alloclab-theme"); } catch { /* files may not store */ }
    setTheme(chosen === "dark" || chosen === "light" ? chosen : system.matches ? "dark" : "light");
    system.addEventListener("change", () => { if (!chosen) setTheme(system.matches ? "dark" : "light"); });
    document.getElementById("theme").addEventListener("click", () => {
      chosen = dark() ? "light" : "dark";
      try { localStorage.setItem("alloclab-theme", chosen); } catch { /* not kept */ }
      setTheme(chosen);
    });
  }

  return { data, si, number, format, weight, make, choice, dark, css, startTheme,
    onTheme: (listener) => listeners.push(listener), tables: {}, charts: {}, gantts: {} };
})();
window.alloclabReport = Report;
