"""Gantt charts: what is drawn, that it fits, and that nothing global is touched."""

from __future__ import annotations

import itertools
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import rcParams
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from simulator import (
    Allocation,
    AlloclabError,
    Arrivals,
    Cluster,
    Edge,
    Node,
    Problem,
    Stream,
    Task,
    TaskGraph,
    Trace,
    Variant,
    simulate,
)
from simulator.charts import style
from simulator.charts.overview import seconds_before, utilisation
from simulator.charts.view import View
from simulator.gantt import paint
from tests.simulator.test_trace import run


def pipeline(
    requests: int = 1, rate: float = 2.0, tasks: int = 3, deadline_s: float | None = None
) -> Trace:
    """A chain over three nodes, one of them with two slots."""
    graph = TaskGraph(
        tuple(Task(f"stage-{i}", (Variant("m", seconds={"*": 0.2}),)) for i in range(tasks)),
        tuple(Edge(f"stage-{i}", f"stage-{i + 1}", 1e5) for i in range(tasks - 1)),
    )
    nodes = [Node("phone"), Node("edge", slots=2), Node("cloud", speed=2.0)]
    arrivals = Arrivals("poisson", rate=rate) if requests > 1 else Arrivals()
    p = Problem(
        Cluster.star("c", nodes, 1e6, 0.01),
        (Stream("s", graph, arrivals, requests=requests, deadline_s=deadline_s),),
        network="fifo", name="pipeline",
    )  # fmt: skip
    return simulate(p, Allocation.of(p, np.arange(tasks) % 3), engine="reference")


def painted(trace: Trace, **options: Any) -> tuple[View, Figure]:
    from matplotlib import rc_context

    view = View(trace, options.get("window"), True, True)
    with rc_context(style.RC):
        return view, paint(view, options.get("title"), 7.2)


def rectangles(figure: Figure) -> int:
    """Number of filled rectangles in the main panel."""
    axes = figure.axes[0]
    return sum(
        len(c.get_paths())
        for c in axes.collections
        if isinstance(c, PolyCollection) and len(c.get_facecolor())
    )


@pytest.mark.parametrize(("suffix", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"),
                                               ("svg", b"<?xml")])  # fmt: skip
def test_it_draws_files_of_each_kind(tmp_path: Path, suffix: str, magic: bytes) -> None:
    path = tmp_path / "new" / f"chart.{suffix}"
    pipeline().gantt(path)
    assert path.read_bytes().startswith(magic)


def test_another_suffix_or_an_empty_window_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AlloclabError, match="unknown chart format 'jpeg'"):
        pipeline().gantt(tmp_path / "chart.jpeg")
    with pytest.raises(AlloclabError, match="window from 2 to 1 s is empty"):
        pipeline().gantt(tmp_path / "chart.png", window=(2, 1))


def test_one_trace_gives_one_file(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        pipeline().gantt(tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_every_execution_and_every_hop_is_a_bar() -> None:
    trace = pipeline()
    _, figure = painted(trace)
    assert rectangles(figure) == len(trace.tasks) + len(trace.hops)


def test_names_title_and_makespan_can_be_read_in_the_svg(tmp_path: Path) -> None:
    trace = pipeline()
    trace.gantt(tmp_path / "chart.svg", title="pipeline, heft")
    texts = ["".join(e.itertext()) for e in ET.parse(tmp_path / "chart.svg").iter()
             if e.tag.endswith("}text")]  # fmt: skip
    for word in ("phone", "edge", "cloud", "phone → switch", "stage-0", "stage-2", "time (ms)",
                 "pipeline, heft", "critical path", "busy", "load"):  # fmt: skip
        assert word in texts, word
    assert any("makespan" in text for text in texts)


def boxes(figure: Figure) -> list[Any]:
    """Extents of all texts that are shown, in pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    outside = set()  # labels of ticks beyond the limits exist, but are not drawn
    for axis in itertools.chain.from_iterable((a.xaxis, a.yaxis) for a in figure.axes):
        low, high = sorted(axis.get_view_interval())
        for tick in axis.get_major_ticks():
            if not low <= tick.get_loc() <= high:
                outside |= {tick.label1, tick.label2}
    shown = [
        t
        for t in figure.findobj(Text)
        if t.get_visible() and t.get_text().strip() and t not in outside
    ]
    return [(t.get_text(), t.get_window_extent(renderer)) for t in shown]


@pytest.mark.parametrize("make", [pipeline, lambda: pipeline(tasks=9), lambda: pipeline(12),
                                  lambda: pipeline(400, deadline_s=1.0),
                                  lambda: pipeline(400, deadline_s=3.2), run])  # fmt: skip
def test_texts_do_not_overlap_and_stay_in_the_figure(make: Any) -> None:
    _, figure = painted(make())
    texts = boxes(figure)
    page = figure.bbox
    for text, box in texts:
        assert page.x0 - 1 <= box.x0 and box.x1 <= page.x1 + 1, text
        assert page.y0 - 1 <= box.y0 and box.y1 <= page.y1 + 1, text
    for (a, one), (b, other) in itertools.combinations(texts, 2):
        width = min(one.x1, other.x1) - max(one.x0, other.x0)
        height = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert width <= 1 or height <= 2, f"{a!r} and {b!r} overlap"


def test_the_legend_lies_below_the_data() -> None:
    _, figure = painted(pipeline())
    axes = figure.axes[0]
    low = axes.get_window_extent().y0
    for text, box in boxes(figure):
        if text in ("critical path", "arrival", "outage"):
            assert box.y1 < low


def test_a_long_stream_is_shown_around_its_p99_request() -> None:
    trace = pipeline(800, rate=3.0)
    view, figure = painted(trace)
    log = trace.log
    latency = log.completed - log.arrival
    r = view.focus_request
    assert r is not None
    assert view.is_part and len(figure.axes) == 3
    assert latency[r] == pytest.approx(np.quantile(latency, 0.99), rel=0.1)
    assert view.window[0] <= log.start[r].min() and log.completed[r] <= view.window[1]
    assert 12 <= len(view.tasks) <= 240
    given, _ = painted(trace, window=(10.0, 20.0))
    assert given.window == (10.0, 20.0)
    inside = trace.tasks[(trace.tasks.finish >= 10.0) & (trace.tasks.start <= 20.0)]
    assert len(given.tasks) == len(inside)


def test_a_quiet_stream_is_not_shown_far_beyond_its_request() -> None:
    """A request of 1 s every 1000 s: its neighbours are too far away to be shown with it."""
    view = View(pipeline(400, rate=0.001), None, True, True)
    longest = float(np.nanmax(view.trace.log.completed - view.trace.log.arrival))
    assert 0 < view.window[1] - view.window[0] <= 3.0 * longest * (1 + 1e-9)


def test_outages_and_interruptions_are_marked() -> None:
    _, figure = painted(run())
    hatches = {p.get_hatch() for p in figure.axes[0].patches}
    broken = {c.get_hatch() for c in figure.axes[0].collections}
    assert "/////" in hatches and "xxxx" in broken
    words = {text for text, _ in boxes(figure)}
    assert {"outage", "interrupted", "arrival", "camera", "background"} <= words


def test_many_nodes_and_links_are_thinned_and_it_says_so() -> None:
    nodes = [Node(f"n{i}") for i in range(40)]
    tasks = tuple(Task(f"t{i}", (Variant("m", seconds={"*": 1.0}),)) for i in range(30))
    edges = tuple(Edge(f"t{i}", f"t{i + 1}", 1.0) for i in range(29))
    p = Problem(Cluster.star("c", nodes, 1.0), (Stream("s", TaskGraph(tasks, edges)),))
    trace = simulate(p, Allocation.of(p, np.arange(30)), engine="reference")
    view, figure = painted(trace)
    assert (len(view.nodes), view.hidden_nodes) == (30, 10)
    assert (len(view.links), view.hidden_links) == (8, 50)
    words = {text for text, _ in boxes(figure)}
    assert {"10 idle nodes not shown", "50 quieter links not shown"} <= words


def test_a_run_in_which_everything_is_lost_can_be_drawn(tmp_path: Path) -> None:
    from simulator import Dynamics, Outage

    p = Problem(
        Cluster("c", (Node("n"),)),
        (Stream("s", TaskGraph((Task("t", (Variant("m", seconds={"*": 1.0}),)),))),),
        dynamics=Dynamics((Outage("n", 0.0),)),
    )
    simulate(p, Allocation.of(p, [0]), engine="reference").gantt(tmp_path / "lost.png")
    assert (tmp_path / "lost.png").stat().st_size > 1000


def test_drawing_touches_nothing_global(tmp_path: Path) -> None:
    before = dict(rcParams)
    pipeline().gantt(tmp_path / "chart.png")
    assert dict(rcParams) == before
    code = (
        "import sys; from tests.simulator.test_gantt import pipeline; "
        f"pipeline().gantt({str(tmp_path / 'x.png')!r}); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    root = Path(__file__).resolve().parent.parent.parent
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


def test_utilisation_over_time_by_hand() -> None:
    start, end = np.array([0.0, 1.0]), np.array([2.0, 4.0])
    times = np.array([0.0, 1.0, 2.0, 3.0, 5.0])
    assert seconds_before(times, start, end).tolist() == [0.0, 1.0, 3.0, 4.0, 5.0]
    trace = pipeline(300)
    view = View(trace, None, True, True)
    first = float(trace.log.arrival.min())
    share = utilisation(view, first, trace.log.idle_at)
    for row, band in enumerate(view.nodes):
        mean = trace.metrics().by_node[band.name]["utilisation"]
        assert share[row].mean() == pytest.approx(mean, rel=1e-9)


@pytest.mark.parametrize(
    ("seconds", "unit"), [(90.0, "s"), (1.5, "s"), (1.4, "ms"), (2e-3, "ms"), (1e-3, "µs"),
                          (3e-8, "ns"), (1e-12, "ns"), (0.0, "s")]
)  # fmt: skip
def test_time_units(seconds: float, unit: str) -> None:
    assert style.time_unit(seconds)[0] == unit


# Machado, Oliveira, Fernandes, "A physiologically-based model for simulation of color vision
# deficiency", IEEE TVCG 15(6), 2009, severity 1. doi:10.1109/TVCG.2009.113
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def lab(linear: Any) -> Any:
    """CIE L*a*b* of linear sRGB under D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722],
                       [0.0193, 0.1192, 0.9505]])  # fmt: skip
    x = to_xyz @ np.clip(linear, 0, 1) / np.array([0.95047, 1.0, 1.08883])
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISION)
def test_the_palette_can_be_told_apart_with_any_colour_vision(vision: str) -> None:
    """At least 10 apart in CIE L*a*b*; 2.3 is a just noticeable difference."""
    seen = []
    for colour in style.PALETTE:
        rgb = np.array(to_rgb(colour))
        linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        seen.append(lab(np.asarray(VISION[vision]) @ linear))
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 10
    assert all(style.ink_on(colour) == style.INK for colour in style.PALETTE)
