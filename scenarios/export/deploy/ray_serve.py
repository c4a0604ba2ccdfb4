"""An allocation as a Ray Serve configuration: an application a stream, a deployment a task [1]_.

Placement is by custom resources: the Ray node that stands for a node offers ``alloclab:<node>``,
and each deployment of that node asks for a little of it. Your module builds the deployments; their
names must be those of the configuration.

References
----------
.. [1] Ray Serve config file, Ray 2.x: https://docs.ray.io/en/latest/serve/production-guide/config.html
   and ``ray.serve.schema.ServeDeploySchema``
"""

from __future__ import annotations

import math
import re
from typing import Any

from scenarios.export.deploy.names import dns_labels
from scenarios.export.deploy.plan import GPU_KINDS, Placed, Plan, memory_of
from simulator.allocation import Allocation
from simulator.errors import AlloclabError, InvalidScenario

MARK = "alloclab:"
SHARE = 0.001
"""Amount of a node's custom resource that each of its deployments asks for."""

GRAIN = 10_000
"""Ray counts resources in units of 1 / 10,000."""

_IMPORT = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*|([A-Za-z_]\w*\.)+[A-Za-z_]\w*")


def render(plan: Plan, import_path: str = "serving:build") -> str:
    """YAML of the configuration, for ``serve deploy``.

    Parameters
    ----------
    plan : Plan
    import_path : str
        Your application builder, ``module:function``; it gets the wiring as `args`.

    Raises
    ------
    AlloclabError
        `import_path` is none.
    """
    import yaml

    found = config(plan, import_path)
    return _comment(plan) + yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=100)


def config(plan: Plan, import_path: str = "serving:build") -> dict[str, Any]:
    """The configuration as plain data; parameters as for `render`."""
    if not _IMPORT.fullmatch(import_path):
        raise AlloclabError(f"import path must read 'module:function', got {import_path[:80]!r}")
    names = dns_labels((p.task for p in plan.placed), most=63)
    streams = dns_labels((s.name for s in plan.scenario.streams), most=63)
    wiring = plan.wiring(names)
    applications = []
    for stream, name in streams.items():
        mine = [p for p in plan.placed if p.stream == stream]
        tasks = {names[p.task]: {"task": p.task, **wiring["tasks"][p.task]} for p in mine}
        applications.append(
            {
                "name": name,
                "route_prefix": f"/{name}",
                "import_path": import_path,
                "args": {"scenario": plan.scenario.name, "stream": stream, "tasks": tasks},
                "deployments": [_deployment(plan, p, names[p.task]) for p in mine],
            }
        )
    return {"proxy_location": "EveryNode", "applications": applications}


def resource(node: str) -> str:
    """Name of the custom resource that a node offers."""
    return f"alloclab:{node}"


def _deployment(plan: Plan, placed: Placed, name: str) -> dict[str, Any]:
    node, beside = placed.node, plan.by_node[placed.node.name]
    options: dict[str, Any] = {"num_cpus": _part(node.slots, len(beside))}
    if node.kind in GPU_KINDS:
        options["num_gpus"] = _part(1, len(beside))
    else:
        size = math.ceil(memory_of((placed,)))
        if size:
            options["memory"] = size
    options["resources"] = {resource(node.name): SHARE}
    return {
        "name": name,
        "num_replicas": 1,
        "max_ongoing_requests": node.slots,
        "ray_actor_options": options,
    }


def _part(amount: int, among: int) -> float:
    """An equal part, rounded down to what Ray counts, so that all parts fit."""
    part = max(math.floor(amount / among * GRAIN), 1) / GRAIN
    return int(part) if part.is_integer() else part


def _comment(plan: Plan) -> str:
    """How to start the nodes, and what is not expressed."""
    import json

    from scenarios.export.deploy.losses import losses

    lines = ["Start Ray on each machine with the resources of the nodes that it stands for:"]
    for name, tasks in plan.by_node.items():
        offer = json.dumps({resource(name): 1}, ensure_ascii=False)
        where = f"  (machine {tasks[0].node.host!r})" if tasks[0].node.host else ""
        lines.append(f"  ray start --resources='{offer}'{where}")
    lines += ["Not expressed:", *(f"  {text}" for text in losses(plan, "ray"))]
    return "".join(f"# {line}\n" for line in lines) + "\n"


def read(text: str, source: str) -> Allocation:
    """The allocation in a configuration that `render` wrote.

    Raises
    ------
    InvalidScenario
    """
    import yaml

    try:
        rows = [
            {key: task[key] for key in ("task", "node", "variant", "priority")}
            for application in yaml.safe_load(text)["applications"]
            for task in application["args"]["tasks"].values()
        ]
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise InvalidScenario(f"{source}: is no configuration that deploy writes") from None
    return Allocation.from_dict({"format": "alloclab-allocation/1", "placements": rows}, source)
