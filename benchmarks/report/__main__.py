"""How quickly the Gantt chart of a report moves, and how large reports are.

    python -m benchmarks.report [--intervals 100000] [--frames 120] [--json FILE]

A simulated stream with at least so many intervals is written as a report and opened in headless
Chromium (software rendering, no graphics card). The chart is panned in steps of a fiftieth of its
window: over the whole run at once, a tenth, a hundredth and a thousandth of it. A frame is the time
from one animation callback to the next while every one of them moves the chart; drawing is the time
inside the drawing function.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from scenarios import load, single
from scenarios.override import override
from scenarios.report import build, intervals, render
from scenarios.results import manifest, to_json, write_text
from scenarios.tables import console, grid

SCRIPT = """async ([share, frames]) => {
  const g = Object.values(alloclabReport.gantts)[0];
  const [begin, end] = g.all, span = (end - begin) * share, middle = (begin + end) / 2;
  g.setWindow(middle - span / 2, middle + span / 2);
  const next = () => new Promise(requestAnimationFrame);
  await next(); await next();
  const drawing = [], frame = [], original = g.draw.bind(g);
  let seen = 0;
  g.draw = () => { const t = performance.now(); original(); drawing.push(performance.now() - t); };
  for (const p of g.active)
    for (let i = 0; i < p.count; i++) seen += p.end[i] > g.window[0] && p.start[i] < g.window[1];
  let before = await next();
  for (let i = 0; i < frames; i++) {
    g.pan(i % 40 < 20 ? 0.02 : -0.02);
    const now = await next();
    frame.push(now - before);
    before = now;
  }
  g.draw = original;
  return { frame, drawing, seen };
}"""


def main() -> int:
    """Measure, print a row for each window."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--intervals", type=int, default=100_000)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.html"
        found = written(args.intervals, Path(folder) / "run", file)
        rows = measured(file, args.frames)
    facts = {k: v for k, v in found.items() if k != "intervals"}
    console().print(grid(f"Panning a Gantt chart of {found['intervals']:,} intervals", rows))
    console().print(grid("The file", [facts]))
    if args.json:
        record = manifest("benchmarks.report", rows=rows, **found)
        write_text(args.json, to_json(record) + "\n")
    return 0


def written(least: int, folder: Path, file: Path) -> dict[str, Any]:
    """Write a report whose chart has at least so many intervals; how long that took."""
    requests = least // 3
    while True:
        run = single.simulate(override(load("translation"), requests=requests), "heft")
        panel = intervals.panel(run.trace, "", most=2 * least)
        if panel["count"] >= least:
            break
        requests = int(requests * (1.02 * least / panel["count"])) + 1
    single.write(run, folder)
    start = time.perf_counter()
    page = build(folder)
    text = render(page)
    seconds = time.perf_counter() - start
    file.write_text(text, encoding="utf-8")
    shown = next(b for s in page.sections for b in s.blocks if hasattr(b, "panels")).panels[0]
    return {"intervals": shown["count"], "requests": requests,
            "file (MB)": len(text.encode()) / 1e6, "built in (s)": seconds}  # fmt: skip


def measured(file: Path, frames: int) -> list[dict[str, Any]]:
    """One row for each share of the run that is in view."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    rows = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(file.as_uri())
        page.locator(".gantt .view canvas").scroll_into_view_if_needed()
        for share in (1.0, 0.1, 0.01, 0.001):
            made = page.evaluate(SCRIPT, [share, frames])
            frame, drawing = sorted(made["frame"]), made["drawing"]
            rows.append({
                "window": f"{100 * share:g} %",
                "intervals in view": made["seen"],
                "median frame (ms)": round(statistics.median(frame), 2),
                "p95 frame (ms)": round(frame[int(0.95 * len(frame))], 2),
                "median drawing (ms)": round(statistics.median(drawing), 2),
            })  # fmt: skip
        rows[0]["browser"] = f"Chromium {browser.version}"
        browser.close()
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
