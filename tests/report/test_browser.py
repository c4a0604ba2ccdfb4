"""Reports in headless Chromium, opened from a file without a network."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.report.conftest import Made

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as play:
        found = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@contextmanager
def opened(
    browser: Any, made: Made, tmp_path: Path, width: int = 1400, **options: Any
) -> Iterator[Any]:
    """The page of a report; complaints and requests of whatever kind are failures."""
    file = tmp_path / "report.html"
    file.write_text(made.html, encoding="utf-8")
    context = browser.new_context(
        viewport={"width": 1400, "height": 900}, offline=True, accept_downloads=True, **options
    )
    page = context.new_page()
    trouble: list[str] = []
    page.on("console", lambda m: trouble.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: trouble.append(str(e)))
    page.on("dialog", lambda d: (trouble.append(d.message), d.dismiss()))
    page.on("request", lambda r: trouble.append(r.url) if r.url != file.as_uri()
            and not r.url.startswith(("data:", "blob:")) else None)  # fmt: skip
    page.goto(file.as_uri())
    page.evaluate("Object.values(alloclabReport.charts).forEach((c) => c.draw())")
    yield page
    assert trouble == []
    context.close()


def overflow(page: Any) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


@pytest.mark.slow
def test_every_kind_opens_in_both_sizes(browser: Any, every: Made, tmp_path: Path) -> None:
    with opened(browser, every, tmp_path) as page:
        assert overflow(page) <= 0
        blocks = page.evaluate("Object.keys(alloclabReport.data.blocks).length")
        drawn = "table, .plot .main-svg, .view canvas"
        assert page.locator("[data-block]").filter(has=page.locator(drawn)).count() == blocks
        page.set_viewport_size({"width": 400, "height": 800})
        page.wait_for_timeout(150)
        assert overflow(page) <= 0


def test_nothing_sticks_out_on_a_phone(browser: Any, comparison: Made, tmp_path: Path) -> None:
    with opened(browser, comparison, tmp_path) as page:
        assert overflow(page) <= 0
        page.set_viewport_size({"width": 400, "height": 800})
        page.wait_for_timeout(150)
        assert overflow(page) <= 0


def test_tables_sort_filter_and_save(browser: Any, comparison: Made, tmp_path: Path) -> None:
    with opened(browser, comparison, tmp_path) as page:
        key = next(k for k, b in comparison.page.data["blocks"].items() if b["title"] == "All runs")
        block = page.locator(f"#{key}")
        head = block.locator("th", has_text="makespan")
        values = [row["makespan"] for row in comparison.page.frame("All runs").to_dict("records")]
        head.locator("button").focus()
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == "ascending"
        column = [th.inner_text().strip(" ▲▼") for th in block.locator("th").all()].index(
            "makespan"
        )
        titles = [
            td.get_attribute("title") for td in block.locator(f"td:nth-child({column + 1})").all()
        ]
        assert [float(t) for t in titles] == sorted(values)
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == "descending"
        block.locator("input[type=search]").fill("cpop")
        assert block.locator("tbody tr").count() == 2
        assert "2 (of 8) rows" in block.locator(".count").inner_text()
        with page.expect_download() as saved:
            block.locator("button", has_text="CSV").click()
        assert Path(saved.value.path()).read_text().count("cpop") == 2


def test_the_gantt_chart_zooms_pans_and_tells(
    browser: Any, comparison: Made, tmp_path: Path
) -> None:
    with opened(browser, comparison, tmp_path) as page:
        gantt = "Object.values(alloclabReport.gantts)[0]"
        canvas = page.locator(".gantt .view canvas")
        canvas.scroll_into_view_if_needed()

        def window() -> list[float]:
            found: list[float] = page.evaluate(f"{gantt}.window")
            return found

        def span() -> float:
            return window()[1] - window()[0]

        whole = span()
        page.locator(".gantt").get_by_label("Zoom in").click()
        assert span() == pytest.approx(whole / 2)
        canvas.focus()
        page.keyboard.press("+")
        assert span() == pytest.approx(whole * 0.3)
        before = window()[0]
        page.keyboard.press("ArrowRight")
        assert window()[0] > before
        box = canvas.bounding_box()
        page.mouse.move(box["x"] + 500, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + 700, box["y"] + 40, steps=4)
        page.mouse.up()
        assert window()[0] < before + whole
        page.keyboard.press("0")
        assert span() == pytest.approx(whole)
        page.keyboard.press("n")  # the first interval, by keyboard alone
        said = page.locator(".gantt .said").inner_text()
        first = page.evaluate(f"[{gantt}.active[0].name(0), {gantt}.active[0].start[0]]")
        assert first[0] in said and "start" in said
        assert page.locator(".tip-box").is_visible()


def test_hovering_shows_the_interval_under_the_mouse(
    browser: Any, simulation: Made, tmp_path: Path
) -> None:
    with opened(browser, simulation, tmp_path) as page:
        canvas = page.locator(".gantt .view canvas")
        canvas.scroll_into_view_if_needed()
        place = page.evaluate("""() => {
            const g = Object.values(alloclabReport.gantts)[0], p = g.active[0];
            const took = (i) => p.end[i] - p.start[i];
            let best = 0;
            for (let i = 0; i < p.count; i++) if (took(i) > took(best)) best = i;
            const middle = (p.start[best] + p.end[best]) / 2;
            g.setWindow(middle - 1e-3, middle + 1e-3);
            g.draw();
            const band = g.layout.bands.find((b) => b.row === p.row[best]);
            return {x: g.x(middle), y: band.y + (p.lane[best] + 0.5) * band.each,
                    name: p.name(best), row: p.rows[p.row[best]].name};
        }""")
        box = canvas.bounding_box()
        page.mouse.move(box["x"] + place["x"], box["y"] + place["y"])
        text = page.locator(".tip-box").inner_text()
        assert place["name"] in text and place["row"] in text and "took" in text
        page.mouse.click(box["x"] + place["x"], box["y"] + place["y"])
        assert page.evaluate("Object.values(alloclabReport.gantts)[0].followed") >= 0


def test_light_and_dark(browser: Any, sweep: Made, tmp_path: Path) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    with opened(browser, sweep, tmp_path, color_scheme="dark") as page:
        dark = page.evaluate(colour)
        button = page.locator("#theme")
        button.focus()
        page.keyboard.press("Enter")
        assert page.evaluate(colour) != dark
        assert page.evaluate("document.documentElement.dataset.theme") == "light"


def test_lists_choose_another_plot(browser: Any, sweep: Made, tmp_path: Path) -> None:
    with opened(browser, sweep, tmp_path) as page:
        key = next(k for k, b in sweep.page.data["blocks"].items() if b["title"] == "Lines")
        block = page.locator(f"#{key}")
        axis = block.locator(".xtitle")
        first = axis.inner_html()
        block.locator("select").nth(1).select_option(index=1)
        assert axis.inner_html() != first


def test_hostile_names_do_nothing(browser: Any, attacked: Made, tmp_path: Path) -> None:
    with opened(browser, attacked, tmp_path) as page:
        assert page.locator("main img").count() == 0
        page.locator(".gantt .view canvas").focus()
        page.keyboard.press("n")
        assert "onerror" in page.locator(".tip-box").inner_text()


def test_simulated_and_real_side_by_side(browser: Any, real_run: Made, tmp_path: Path) -> None:
    with opened(browser, real_run, tmp_path) as page:
        bands = "Object.values(alloclabReport.gantts)[0].layout.bands.map((b) => b.panel.title)"
        above = page.evaluate(bands)
        page.get_by_label("side by side").check()
        paired = page.evaluate(bands)
        assert sorted(above) == sorted(paired) and above != paired
        assert paired[:2] == ["simulated", "real"]
