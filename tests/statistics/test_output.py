"""Files of an analysis, and the verb."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from scenarios import cli
from scenarios.statistics import Settings, analyse, read
from scenarios.statistics.output import SUFFIXES, readable
from simulator.errors import AlloclabError
from tests.statistics.published import rows

QUICK = Settings(resamples=200)
NAMES = ["heft", "min_min", "genetic[population=8]", "a_b&c"]


def study() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    values = rng.lognormal(0, 0.3, (12, 4, 2)) * np.array([1.0, 1.2, 0.9, 1.1])[:, None]
    frame = rows(values)
    frame["scheduler"] = frame["scheduler"].map(dict(zip("abcd", NAMES, strict=True)))
    number = frame["instance"].str[1:].astype(int)
    return frame.assign(
        family=np.where(number < 6, "fft", "gauss"), **{"param.ccr": (number % 3).astype(float)}
    )


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stats") / "out"
    found = analyse(study(), settings=QUICK)
    return found, folder, found.write(folder, folders=["x"])


def test_all_files_are_there(written) -> None:
    _, folder, files = written
    names = {p.relative_to(folder).as_posix() for p in files}
    assert names == {"statistics.json"} | {
        f"tables/{t}.{s}"
        for t in ("schedulers", "pairs", "levels", "profiles", "ranks", "cells")
        for s in ("csv", "tex")
    } | {f"figures/{f}.{s}" for f in ("effects", "ranks", "profiles", "levels") for s in SUFFIXES}
    assert all(p.is_file() and p.stat().st_size > 0 for p in files)


def test_json_holds_the_figures(written) -> None:
    found, folder, _ = written
    data = json.loads((folder / "statistics.json").read_text())
    assert data["baseline"]["scheduler"] == "heft"
    assert [r["scheduler"] for r in data["table"]] == found.table["scheduler"].tolist()
    assert data["manifest"]["folders"] == ["x"] and data["manifest"]["command"] == "stats"
    assert data["table"][0]["effect"] == pytest.approx(found.table["effect"][0])


def test_csv_has_all_digits(written) -> None:
    found, folder, _ = written
    table = pd.read_csv(folder / "tables" / "schedulers.csv")
    assert np.allclose(table["effect"], found.table["effect"], rtol=1e-12)
    assert len(pd.read_csv(folder / "tables" / "pairs.csv")) == 6


def test_latex_has_rules_and_escapes_names(written) -> None:
    _, folder, _ = written
    text = (folder / "tables" / "schedulers.tex").read_text()
    for rule in (r"\toprule", r"\midrule", r"\bottomrule"):
        assert text.count(rule) == 1
    assert r"min\_min" in text and r"a\_b\&c" in text
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0]
    columns = text.split(r"\begin{tabular}{")[1].split("}")[0]
    lines = [line for line in body.splitlines() if line.strip()]
    assert len(lines) == 4
    assert all(line.replace(r"\&", "").count("&") == len(columns) - 1 for line in lines)


def test_figures_are_drawn_and_name_every_scheduler(written) -> None:
    from matplotlib.image import imread

    _, folder, _ = written
    for name in ("effects", "ranks", "profiles", "levels"):
        assert np.ptp(imread(folder / "figures" / f"{name}.png")) > 0.5
        text = " ".join(ET.parse(folder / "figures" / f"{name}.svg").getroot().itertext())
        for scheduler in NAMES:
            assert scheduler in text, (name, scheduler)
        assert (folder / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_what_an_earlier_analysis_wrote_does_not_stay(tmp_path) -> None:
    for name in ("figures/ranks.png", "figures/levels.svg", "tables/ranks.tex", "mine.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("of an earlier analysis")
    two = study()[lambda f: f["scheduler"].isin(NAMES[:2])].drop(columns="param.ccr")
    files = analyse(two.assign(family="fft"), settings=QUICK).write(tmp_path)
    there = {p for p in tmp_path.rglob("*") if p.is_file()}
    assert there == {*files, tmp_path / "mine.txt"}
    assert not (tmp_path / "figures" / "ranks.png").exists()


def test_reprs_help(written) -> None:
    found = written[0]
    assert "baseline='heft'" in repr(found)
    assert "4 schedulers by objective on 12 instances of 2 families" in str(found)
    page = found._repr_html_()
    assert "<table" in page and "a_b&amp;c" in page
    assert readable(found)["scheduler"].tolist() == found.table["scheduler"].tolist()


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*args):
        monkeypatch.setattr(sys, "argv", ["alloclab", *map(str, args)])
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def comparison(tmp_path):
    folder = tmp_path / "one"
    folder.mkdir()
    frame = rows(np.exp(np.random.default_rng(2).normal(size=(1, 3, 9)))).drop(
        columns=["instance", "family"]
    )
    frame.to_csv(folder / "rows.csv", index=False)
    (folder / "manifest.json").write_text(json.dumps({"cluster": "lab"}))
    return folder


def test_the_verb_on_a_comparison(run, comparison, tmp_path) -> None:
    code, out, err = run("stats", comparison, "-b", "a", "-o", tmp_path / "out")
    assert (code, err) == (0, "")
    assert "better/equal/worse" in out and "speak of its luck" in out
    assert f"wrote {tmp_path}/out/statistics.json" in out
    code, out, _ = run("stats", comparison, "-b", "a", "--json")
    assert code == 0
    assert json.loads(out)["size"] == {
        "units": 9, "instances": 1, "families": 1, "seeds": 9, "schedulers": 3, "cells": 27,
    }  # fmt: skip


def test_several_comparisons_are_several_instances(comparison, tmp_path) -> None:
    other = tmp_path / "two"
    other.mkdir()
    for name in ("rows.csv", "manifest.json"):
        (other / name).write_bytes((comparison / name).read_bytes())
    frame = read([comparison, other])
    assert list(frame["instance"].unique()) == ["s on lab", f"s on lab ({other})"]
    assert analyse(frame, settings=QUICK).size["instances"] == 2


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda p: p / "nowhere", "there is no such file or folder"),
        (lambda p: p, "neither the folder of a sweep"),
        (lambda p: (p / "x.txt").write_text("a") and p / "x.txt", "expected a folder, .csv"),
        (lambda p: (p / "x.csv").write_text("") is not None and p / "x.csv", "cannot be read"),
    ],
)
def test_places_without_rows(run, tmp_path, make, text) -> None:
    place = make(tmp_path)
    with pytest.raises(AlloclabError, match=text):
        read([place])
    code, out, err = run("stats", place)
    assert code == 2 and out == "" and err.startswith("alloclab: ") and err.count("\n") == 1


def test_bad_options_are_one_sentence(run, comparison) -> None:
    code, _, err = run("stats", comparison, "-b", "d")
    assert code == 2 and "unknown baseline 'd'" in err
    code, _, err = run("stats", comparison, "--confidence", "95")
    assert code == 2 and "between 0 and 1, got 95" in err
