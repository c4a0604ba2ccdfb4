"""The command line: every verb, its JSON for programs, its files, and its one-sentence errors."""

import json
import subprocess
import sys

import pytest

from scenarios import cli

INSTANCE = {
    "format": "task-graph-instance/1",
    "name": "diamond",
    "nodes": ["a", "b"],
    "tasks": [
        {"id": "1", "seconds": {"a": 2, "b": 3}},
        {"id": "2", "seconds": {"a": 4, "b": 2}},
        {"id": "3", "seconds": {"a": 4, "b": 5}},
        {"id": "4", "seconds": {"a": 1, "b": 1}},
    ],
    "edges": [["1", "2", 1], ["1", "3", 1], ["2", "4", 1], ["3", "4", 1]],
    "bandwidth": 1.0,
    "latency": 0.0,
}
"""By hand: 1 on a [0, 2], 3 on a [2, 6], 2 on b [3, 5], its message there at 6, 4 on a [6, 7]."""


@pytest.fixture
def run(monkeypatch, capsys):
    """Call the command in this process: (exit code, stdout, stderr)."""

    def call(*args):
        monkeypatch.setattr(sys, "argv", ["alloclab", *map(str, args)])
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def diamond(tmp_path):
    path = tmp_path / "diamond.json"
    path.write_text(json.dumps(INSTANCE))
    return path


def test_help_and_version(run):
    code, out, _ = run("--help")
    assert code == 0
    for verb in ("list", "show", "simulate", "compare", "generate", "convert", "init", "doctor"):
        assert verb in out
    assert run("--version")[1].startswith("alloclab 0.")


@pytest.mark.parametrize("what", ["schedulers", "scenarios", "clusters", "generators", "models"])
def test_list(run, what):
    code, out, _ = run("list", what, "--json")
    rows = json.loads(out)[what]
    assert code == 0
    assert len(rows) >= 5
    assert all(row["name"] for row in rows)
    assert run("list", what)[1].count("\n") > 5


def test_show(run, diamond):
    data = json.loads(run("show", diamond, "--json")[1])
    assert [t["task"] for t in data["tasks"]] == ["1", "2", "3", "4"]
    assert len(data["edges"]) == 4
    assert "translation" in run("show", "translation")[1]
    assert json.loads(run("show", "edge-cloud", "--json")[1])["kind"] == "cluster"


def test_show_lists_dynamics_and_the_streams_of_edges(run, tmp_path):
    file = tmp_path / "bad-day.yaml"
    file.write_text(
        "alloclab: 1\nextends: driving\ndynamics:\n"
        "  outages: [{domain: roadside, from: 10 s}]\n"
        "  slowdowns: [{node: car-gpu, from: 5 s, to: 8 s, factor: 2}]\n"
        "  degradations: [{link: car -- station, from: 3 s, to: 4 s, factor: 10 %}]\n"
    )
    code, out, err = run("show", file, "--json")
    assert (code, err) == (0, "")
    data = json.loads(out)
    assert data["dynamics"] == [
        {"what": "degradation", "where": "car--station", "from_s": 3.0, "to_s": 4.0, "factor": 0.1},
        {"what": "slow-down", "where": "car-gpu", "from_s": 5.0, "to_s": 8.0, "factor": 2.0},
        {"what": "outage", "where": "roadside", "from_s": 10.0},
    ]
    assert {e["stream"] for e in data["edges"]} == {"camera", "lidar"}
    assert "stream" not in json.loads(run("show", "translation", "--json")[1])["edges"][0]
    table = run("show", file)[1]
    assert "Dynamics" in table
    assert "slow-down" in table


def test_compare_finds_the_hand_worked_optimum(run, diamond):
    code, out, _ = run("compare", diamond, "--json")
    summary = json.loads(out)["summary"]
    assert code == 0
    assert summary[0]["objective"] == 7.0
    assert len(summary) >= 8
    assert all(row["objective"] >= 7.0 and row["gap"] >= 0 for row in summary)
    assert summary == sorted(summary, key=lambda r: (r["objective"], r["scheduler"]))


def test_a_best_of_zero_is_still_the_best(run):
    """Only some nodes of edge-cloud have a price: busy time on the others costs nothing."""
    out = run("compare", "translation", "--objective", "cost_busy", "--requests", 30, "--json")[1]
    summary = json.loads(out)["summary"]
    assert summary[0]["objective"] == 0.0
    for row in summary:  # an infinite ratio is null in JSON
        assert row["ratio"] == (1.0 if row["objective"] == 0.0 else None)


def test_compare_writes_everything_or_nothing(run, diamond, tmp_path):
    target = tmp_path / "out"
    code, _, _ = run("compare", diamond, "-s", "heft,met", "-o", target)
    assert code == 0
    names = {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()}
    assert {
        "rows.csv",
        "summary.json",
        "manifest.json",
        "compare.png",
        "gantt-heft.png",
        "trace-heft.perfetto.json",
        "allocations/heft.json",
        "allocations/met.json",
    } <= names
    record = json.loads((target / "manifest.json").read_text())
    assert record["semantics"] == 1
    assert record["schedulers"] == ["heft", "met"]
    assert not list(tmp_path.glob(".*partial*"))
    blocked = tmp_path / "file"
    blocked.write_text("")
    code, _, err = run("compare", diamond, "-s", "heft", "-o", blocked / "sub")
    assert code == 2
    assert "cannot write" in err


def test_simulate_an_allocation_file(run, diamond, tmp_path):
    data = json.loads(run("simulate", diamond, "-s", "heft", "--json")[1])
    assert data["objective"] == {"makespan": 7.0}
    file = tmp_path / "a.json"
    file.write_text(json.dumps(data["allocation"]))
    for engine in ("kernel", "reference"):
        again = json.loads(run("simulate", diamond, "-a", file, "--engine", engine, "--json")[1])
        assert again["objective"] == {"makespan": 7.0}
    code, out, _ = run("simulate", diamond, "-a", file, "-o", tmp_path / "run")
    assert code == 0
    assert "gantt.png" in out


def test_generate_convert_init_lead_to_something_that_runs(run, tmp_path):
    made = tmp_path / "layered.yaml"
    assert run("generate", "layered", "--tasks", 20, "--ccr", 2, "--seed", 3, "-o", made)[0] == 0
    direct = run("compare", made, "-s", "heft", "--json")[1]
    twin = tmp_path / "layered.json"
    assert run("convert", made, "-o", twin)[0] == 0
    again = run("compare", twin, "-s", "heft", "--json")[1]
    objective = [json.loads(x)["summary"][0]["objective"] for x in (direct, again)]
    assert objective[0] == objective[1]
    start = tmp_path / "mine.yaml"
    assert run("init", start)[0] == 0
    assert run("compare", start, "-s", "heft,single_node")[0] == 0
    code, _, err = run("init", start)
    assert (code, "exists already" in err) == (2, True)


def test_the_suffix_says_the_format_and_json_what_is_printed(run, tmp_path):
    made, twin = tmp_path / "a.yaml", tmp_path / "a.JSON"
    for verb in (["generate", "chains", "--tasks", 5], ["convert", made]):
        out = made if verb[0] == "generate" else twin
        assert json.loads(run(*verb, "-o", out, "--json")[1])["file"] == str(out)
    assert made.read_text().startswith("alloclab: 1")
    assert json.loads(twin.read_text()) == json.loads(run("convert", made, "--json")[1])
    code, _, err = run("convert", made, "-o", tmp_path / "a.jsn")
    assert code == 2
    assert "unknown file type '.jsn'; did you mean '.json'?" in err
    assert not (tmp_path / "a.jsn").exists()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["compare", "translatoin"], "did you mean 'translation'"),
        (["compare", "no/such/file.yaml"], "no/such/file.yaml"),
        (["compare", "translation", "-s", "hefft"], "did you mean 'heft'"),
        (["compare", "translation", "-s", "heft[insert=true]"], "insertion"),
        (["compare", "translation", "--cluster", "edge-clod"], "did you mean 'edge-cloud'"),
        (["compare", "translation", "--network", "fare"], "did you mean 'fair'"),
        (["compare", "translation", "--objective", "makespam"], "did you mean 'makespan'"),
        (["simulate", "translation", "--engine", "kernl"], "did you mean 'kernel'"),
        (["simulate", "translation", "-s", "heft", "-a", "x.json"], "not both"),
        (["simulate", "translation", "-a", "x.json"], "x.json"),
        (["list", "schedulrs"], "did you mean 'schedulers'"),
        (["generate", "layerd"], "did you mean 'layered'"),
        (["show", "nothing-like-it"], "nothing-like-it"),
        (["show", "edge-cloud", "-c", "cpu-pair"], "edge-cloud is a cluster"),
        (["compare", "translation", "--seconds", "nan"], "seconds must be > 0, got nan"),
        (["compare", "translation", "--evaluations", "0"], "evaluations must be an integer"),
        (["compare", "translation", "-s", ","], "name at least one"),
        (["compare", "translation", "--requests", "100000000000"], "between 1 and 10,000,000"),
        (["compare", "translation", "--requests", str(10**23)], "between 1 and 10,000,000"),
        (["convert", "translation", "-o", ""], "give the name of a file"),
        (
            ["compare", "translation", "-s", "heft", "--requests", "9", "-o", "/"],
            "name of a folder",
        ),
    ],
)
def test_errors_are_one_sentence(run, args, words):
    code, out, err = run(*args)
    assert code == 2
    assert words in err
    assert err.startswith("alloclab: ")
    assert err.strip().count("\n") == 0
    assert "Traceback" not in err + out


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["compare"], "compare: SCENARIO is missing"),
        (["generate"], "generate: FAMILY is missing"),
        (["compar"], "unknown command 'compar'; did you mean 'compare'?"),
        (["list", "--jsn"], "list: unknown option '--jsn'; did you mean '--json'?"),
        (["compare", "x", "-z"], "compare: unknown option '-z' (known: --schedulers, --cluster,"),
        (["compare", "x", "--seeds", "a"], "compare: --seeds: expected a whole number, got 'a'"),
        (["compare", "x", "-n", "0"], "compare: --seeds: expected a value of at least 1, got '0'"),
        (["generate", "x", "--ccr", "a"], "generate: --ccr: expected a number, got 'a'"),
        (["compare", "x", "-o"], "-o: a value must follow"),
        (["compare", "x", "y\nz"], "compare: got unexpected extra argument(s) (y"),
    ],
)
def test_usage_errors_are_one_sentence(run, args, sentence):
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert err.startswith(f"alloclab: {sentence}")
    assert err.count("\n") == 1


def test_no_argument_at_all_gets_the_help(run):
    code, out, err = run()
    assert code == 2
    assert "compare" in out + err


def test_an_interrupt_says_so(run, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("scenarios.load", interrupt)
    assert run("compare", "translation") == (130, "", "alloclab: interrupted\n")


def test_doctor_is_content(run):
    code, out, _ = run("doctor", "--json")
    checks = {c["name"]: c["status"] for c in json.loads(out)}
    assert code == 0
    assert checks["engines"] == checks["compiler"] == "ok"


def test_same_answer_in_another_process_and_hash_seed(diamond):
    """`compare` on a stream, twice, in processes whose hashing differs."""
    answers = []
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "scenarios.cli", "compare", "translation", "-s",
             "heft,random,min_min", "--requests", "200", "--json"],
            capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": hash_seed,
                                                             "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        rows = json.loads(done.stdout)["rows"]
        answers.append([{k: v for k, v in r.items() if k != "cpu_seconds"} for r in rows])
    assert answers[0] == answers[1]
