"use strict";
/* Puts every block into its place; charts below the fold wait until they are near. */
(() => {
  Report.startTheme();
  const soon = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) {
        soon.unobserve(entry.target);
        Report.charts[entry.target.id].draw();
      }
    }
  }, { rootMargin: "600px" });

  for (const holder of document.querySelectorAll("[data-block]")) {
    const key = holder.dataset.block, spec = Report.data.blocks[key];
    const body = holder.querySelector(".body"), title = holder.querySelector("h3").textContent;
    if (spec.type === "table") Report.tables[key] = new ReportTable(body, spec, title);
    else if (spec.type === "gantt") Report.gantts[key] = new ReportGantt(body, spec, title);
    else if (spec.type === "chart") {
      Report.charts[key] = new ReportChart(body, spec, title);
      soon.observe(holder);
    }
  }

  const links = [...document.querySelectorAll("nav a")];
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      links.forEach((link) => {
        if (link.hash === "#" + entry.target.id) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      });
    }
  }, { rootMargin: "-15% 0px -75% 0px" });
  document.querySelectorAll("main section").forEach((section) => seen.observe(section));
})();
