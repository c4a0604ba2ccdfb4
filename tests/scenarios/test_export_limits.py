"""No file is written that would be too large to be read back."""

import pytest

import scenarios.export.text
import scenarios.yamlsafe
from scenarios.export import render
from scenarios.generate import generate
from scenarios.yamlsafe import parse_yaml
from simulator.errors import InvalidScenario, Unsupported


@pytest.fixture(scope="module")
def made():
    return generate("chains", tasks=6, nodes=2, ccr=1, heterogeneity="range", seed=0)


def set_limit(monkeypatch, name, value):
    for module in (scenarios.export.text, scenarios.yamlsafe):
        monkeypatch.setattr(module, name, value)


def test_length(made, monkeypatch):
    text = render(made)
    set_limit(monkeypatch, "LARGEST", len(text))
    assert render(made) == text
    set_limit(monkeypatch, "LARGEST", len(text) - 1)
    with pytest.raises(Unsupported, match=r"of YAML with .* values, but files of at most"):
        render(made)


def test_values_are_counted_as_the_reader_counts_them(made, monkeypatch):
    text = render(made)
    readable = next(n for n in range(1, 1000) if reads(text, n, monkeypatch))
    set_limit(monkeypatch, "VALUES", readable)
    assert render(made) == text
    set_limit(monkeypatch, "VALUES", readable - 1)
    with pytest.raises(Unsupported, match=r"a \.json file can be larger"):
        render(made)


def reads(text, values, monkeypatch):
    set_limit(monkeypatch, "VALUES", values)
    try:
        return bool(parse_yaml(text))
    except InvalidScenario:
        return False


def test_json(made, monkeypatch):
    text = render(made, ".json")
    monkeypatch.setattr("scenarios.export.MAX_BYTES", len(text))
    assert render(made, ".json") == text
    monkeypatch.setattr("scenarios.export.MAX_BYTES", len(text) - 1)
    with pytest.raises(Unsupported, match="of JSON, but files of at most"):
        render(made, ".json")
