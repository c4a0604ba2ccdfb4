"""What is built in, for `alloclab list`."""

from __future__ import annotations

from collections.abc import Callable

from simulator.errors import unknown

Rows = list[dict[str, str]]


def sections(what: str | None = None) -> dict[str, Rows]:
    """Section -> rows of name and description.

    Raises
    ------
    UnknownName
        Another section.
    """
    if what is not None and what not in _SECTIONS:
        raise unknown("section", what, _SECTIONS)
    return {name: _SECTIONS[name]() for name in ([what] if what else _SECTIONS)}


def first_sentence(text: str | None) -> str:
    """The first sentence of a docstring or description, on one line."""
    flat = " ".join((text or "").split())
    return flat.split(". ")[0].rstrip(".")


def _schedulers() -> Rows:
    from schedulers import names

    return [{"name": name, "description": _about(name)} for name in names()]


def _about(name: str) -> str:
    """First sentence about a scheduler, or why it cannot be loaded (a broken plug-in, say)."""
    from schedulers import make

    try:
        return first_sentence(type(make(name)).__doc__)
    except Exception as error:  # whatever somebody else's module raises when imported
        return f"cannot be loaded: {type(error).__name__}: {error}"


def _scenarios() -> Rows:
    import scenarios

    loaded = [scenarios.load(name) for name in scenarios.names()]
    return [
        {
            "name": s.name,
            "description": first_sentence(s.description),
            "cluster": s.cluster.name,
            "tasks": str(sum(len(x.graph.tasks) for x in s.streams)),
        }
        for s in loaded
    ]


def _clusters() -> Rows:
    import scenarios

    rows = []
    for name in scenarios.cluster_names():
        cluster = scenarios.load_cluster(name)
        kinds = sorted({n.kind for n in cluster.nodes})
        counts = ", ".join(f"{sum(n.kind == k for n in cluster.nodes)} {k}" for k in kinds)
        rows.append({"name": name, "nodes": counts, "links": str(len(cluster.links))})
    return rows


def _studies() -> Rows:
    from scenarios import study

    return [
        {"name": name, "description": first_sentence(study.load(name).description)}
        for name in study.names()
    ]


def _generators() -> Rows:
    from scenarios.generate import describe_families

    return [{"name": name, "description": text} for name, text in describe_families().items()]


def _models() -> Rows:
    from scenarios.models import load_models

    return [
        {"name": m.name, "family": m.family, "description": first_sentence(m.description)}
        for m in load_models().values()
    ]


def _engines() -> Rows:
    return [
        {"name": "reference", "description": "SimPy, readable: the rules as they are written"},
        {"name": "kernel", "description": "numba, fast, batched: the same bits"},
        {"name": "auto", "description": "the kernel wherever it covers the problem"},
    ]


_SECTIONS: dict[str, Callable[[], Rows]] = {
    "scenarios": _scenarios,
    "clusters": _clusters,
    "studies": _studies,
    "schedulers": _schedulers,
    "generators": _generators,
    "models": _models,
    "engines": _engines,
}
