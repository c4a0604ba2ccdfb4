"""An allocation as Kubernetes manifests: a Deployment a node or a task, Services, a ConfigMap [1]_.

Every Pod is bound by node affinity to the machine of its node, requests what its tasks need there,
and reads the wiring (who sends to whom) from the ConfigMap. What runs inside is your program.

References
----------
.. [1] Kubernetes API reference, v1.31: https://kubernetes.io/docs/reference/kubernetes-api/
   (Deployment apps/v1, Service v1, ConfigMap v1)
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from scenarios.export.deploy.names import dns_label, dns_labels
from scenarios.export.deploy.plan import GPU_KINDS, Placed, Plan, memory_of
from simulator.allocation import Allocation
from simulator.errors import AlloclabError, InvalidScenario, Unsupported, unknown

MARK = "app.kubernetes.io/managed-by: alloclab"
PER = ("node", "task")
PORT = 8000
MOUNT = "/etc/alloclab"
LARGEST = 2**20
"""Bytes that a ConfigMap may hold."""

_LABEL_KEY = re.compile(
    r"([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)


def render(
    plan: Plan,
    image: str = "alloclab-worker:latest",
    per: str = "node",
    node_label: str = "alloclab/node",
) -> str:
    """YAML of all manifests, several documents in one file.

    Parameters
    ----------
    plan : Plan
    image : str
        Container image of your program.
    per : {"node", "task"}
        One Deployment for all tasks of a node, as alloclab's workers are, or one for each task.
    node_label : str
        Key of the label by which Pods find their machine; its value is the node's host if it has
        one, else its name.

    Raises
    ------
    UnknownName, AlloclabError
        Another `per`, an empty image or a key that is no label key.
    Unsupported
        Several tasks would share a GPU but not a Pod, or the wiring is too large for a ConfigMap.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes texts of several lines as they are, so that people can read the wiring."""

    def text_node(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text_node)
    found = manifests(plan, image, per, node_label)
    text = yaml.dump_all(found, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)
    return _comment(plan, node_label) + str(text)


def manifests(
    plan: Plan,
    image: str = "alloclab-worker:latest",
    per: str = "node",
    node_label: str = "alloclab/node",
) -> list[dict[str, Any]]:
    """The manifests as plain data; parameters as for `render`."""
    if per not in PER:
        raise unknown("value of per", per, PER)
    if not image or any(c.isspace() for c in image):
        raise AlloclabError(f"image must be the name of a container image, got {image!r}")
    if not _LABEL_KEY.fullmatch(node_label):
        raise AlloclabError(
            f"{node_label[:80]!r} is no key of a Kubernetes label, like 'site/node'"
        )
    groups = _groups(plan, per)
    names = dns_labels(groups, plan.scenario.name)
    home = {p.task: names[group] for group, tasks in groups.items() for p in tasks}
    config = dns_label(f"{plan.scenario.name} wiring")
    while config in names.values():
        config += "-map"
    receiving = {home[m.dst] for m in plan.messages}
    return [
        _config_map(plan, config, {task: f"{name}:{PORT}" for task, name in home.items()}),
        *(_service(plan, name) for name in names.values() if name in receiving),
        *(
            _deployment(plan, names[group], tasks, config, image, node_label)
            for group, tasks in groups.items()
        ),
    ]


def _groups(plan: Plan, per: str) -> Mapping[str, tuple[Placed, ...]]:
    if per == "node":
        return plan.by_node
    for name, tasks in plan.by_node.items():
        if len(tasks) > 1 and tasks[0].node.kind in GPU_KINDS:
            raise Unsupported(
                f"tasks {tasks[0].task!r} and {tasks[1].task!r} share the GPU {name!r}, but "
                "Kubernetes gives a GPU to one Pod only: group them by node (per: node)"
            )
    return {p.task: (p,) for p in plan.placed}


def machine(placed: Placed) -> str:
    """Value of the label that the machine of a node must bear."""
    return dns_label(placed.node.host or placed.node.name, 63)


# ----- objects -----------------------------------------------------------------------------------
def _labels(plan: Plan, name: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": name,
        "app.kubernetes.io/part-of": dns_label(plan.scenario.name, 63),
        "app.kubernetes.io/managed-by": "alloclab",
    }


def _config_map(plan: Plan, name: str, addresses: Mapping[str, str]) -> dict[str, Any]:
    data = {
        "wiring.json": json.dumps(plan.wiring(addresses), ensure_ascii=False, indent=1),
        "allocation.json": json.dumps(
            {**plan.allocation.to_dict(), "note": {}}, ensure_ascii=False, indent=1
        ),
    }
    size = sum(len(text.encode()) for text in data.values())
    if size > LARGEST:
        raise Unsupported(
            f"{plan.scenario.name}: the wiring takes {size / 2**20:.1f} MiB, but a ConfigMap holds "
            "at most 1 MiB"
        )
    metadata = {"name": name, "labels": _labels(plan, name)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _service(plan: Plan, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": _labels(plan, name)},
        "spec": {
            "selector": {"app.kubernetes.io/name": name},
            "ports": [{"name": "tasks", "port": PORT, "targetPort": PORT, "protocol": "TCP"}],
        },
    }


def _deployment(
    plan: Plan, name: str, tasks: tuple[Placed, ...], config: str, image: str, node_label: str
) -> dict[str, Any]:
    node = tasks[0].node
    about = {
        "alloclab/node": node.name,
        "alloclab/tasks": json.dumps([p.task for p in tasks], ensure_ascii=False),
        "alloclab/variants": json.dumps([p.variant for p in tasks], ensure_ascii=False),
        "alloclab/priorities": json.dumps([p.priority for p in tasks]),
    }
    container = {
        "name": "worker",
        "image": image,
        "env": [
            {"name": "ALLOCLAB_NODE", "value": node.name},
            {"name": "ALLOCLAB_TASKS", "value": about["alloclab/tasks"]},
            {"name": "ALLOCLAB_SLOTS", "value": str(node.slots)},
            {"name": "ALLOCLAB_WIRING", "value": f"{MOUNT}/wiring.json"},
        ],
        "ports": [{"name": "tasks", "containerPort": PORT}],
        "resources": _resources(tasks, len(plan.by_node[node.name]) // len(tasks)),
        "volumeMounts": [{"name": "wiring", "mountPath": MOUNT, "readOnly": True}],
    }
    place = {"key": node_label, "operator": "In", "values": [machine(tasks[0])]}
    required = {"nodeSelectorTerms": [{"matchExpressions": [place]}]}
    pod = {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}},
        "containers": [container],
        "volumes": [{"name": "wiring", "configMap": {"name": config}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": _labels(plan, name), "annotations": about},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},  # a second Pod would find its device taken
            "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "template": {"metadata": {"labels": _labels(plan, name)}, "spec": pod},
        },
    }


def _resources(tasks: tuple[Placed, ...], among: int) -> dict[str, Any]:
    """Requests of one of `among` Pods of a node: their part of its slots, and their memory."""
    node = tasks[0].node
    requests = {"cpu": cpus(node.slots, among)}
    if node.kind in GPU_KINDS:
        return {"requests": requests, "limits": {"nvidia.com/gpu": "1"}}
    size = memory_of(tasks)
    if size > 0:
        requests["memory"] = mebibytes(size)
    return {"requests": requests}


def cpus(slots: int, among: int) -> str:
    """An equal part of a node's slots as a quantity of CPUs, rounded down.

    Examples
    --------
    >>> cpus(4, 1), cpus(4, 3), cpus(1, 5000)
    ('4', '1333m', '1m')
    """
    milli = max(1000 * slots // among, 1)
    return f"{milli}m" if milli % 1000 else str(milli // 1000)


def mebibytes(size: float) -> str:
    """Bytes as a quantity of Kubernetes, rounded up.

    Examples
    --------
    >>> mebibytes(1), mebibytes(2**30), mebibytes(2**30 + 1)
    ('1Mi', '1024Mi', '1025Mi')
    """
    return f"{max(math.ceil(size / 2**20), 1)}Mi"


def _comment(plan: Plan, node_label: str) -> str:
    """How to label the machines, and what is not expressed."""
    from scenarios.export.deploy.losses import losses

    lines = ["Bind the machines once, for each of these values to a machine of yours:"]
    values = dict.fromkeys(machine(tasks[0]) for tasks in plan.by_node.values())
    lines += [f"  kubectl label node MACHINE {node_label}={value}" for value in values]
    lines += ["Not expressed:", *(f"  {text}" for text in losses(plan, "kubernetes"))]
    return "".join(f"# {line}\n" for line in lines) + "\n"


# ----- reading back ------------------------------------------------------------------------------
def read(text: str, source: str) -> Allocation:
    """The allocation in manifests that `render` wrote, from its Deployments.

    Raises
    ------
    InvalidScenario
    """
    import yaml

    rows = []
    try:
        for document in yaml.safe_load_all(text):
            if document["kind"] != "Deployment":
                continue
            about = document["metadata"]["annotations"]
            columns = [json.loads(about[f"alloclab/{key}"]) for key in ("tasks", "variants")]
            columns.append(json.loads(about["alloclab/priorities"]))
            for task, variant, priority in zip(*columns, strict=True):
                rows.append(
                    {"task": task, "node": about["alloclab/node"], "variant": variant,
                     "priority": priority}
                )  # fmt: skip
    except (yaml.YAMLError, ValueError, LookupError, TypeError, RecursionError):
        raise InvalidScenario(f"{source}: is none of the manifests that deploy writes") from None
    return Allocation.from_dict({"format": "alloclab-allocation/1", "placements": rows}, source)
