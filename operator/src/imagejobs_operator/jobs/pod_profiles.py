"""Settings of the pods of Jobs: a size for each profile, and defaults for every pod.

Values, and their readers.

An ImageJob cannot set them. Only fields are accepted that keep the pod within the restricted Pod Security
Standard.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from imagejobs_contract.model.spec import Profile
from imagejobs_contract.reader import Reader

T = TypeVar("T")
MAX_CHARACTERS = 20_000
MAX_PARALLEL = 256
PULL_POLICIES = ("Always", "IfNotPresent", "Never")
SCHEDULING: Mapping[str, type] = {
    "nodeSelector": dict,
    "tolerations": list,
    "affinity": dict,
    "topologySpreadConstraints": list,
    "priorityClassName": str,
    "runtimeClassName": str,
    "hostAliases": list,
    "dnsConfig": dict,
    "dnsPolicy": str,
}
"""Fields of a PodSpec that decide where a pod runs and how it finds hosts -> their type in JSON."""
POD_FIELDS: Mapping[str, type] = {
    "labels": dict,
    "annotations": dict,
    "env": list,
    "envFrom": list,
    "imagePullPolicy": str,
    "volumes": list,
    "volumeMounts": list,
    **SCHEDULING,
}


@dataclass(frozen=True, slots=True)
class Size:
    """Resources of the pods of a profile.

    Attributes:
        resources: `resources` of the container.
        parallel: Images that the pod renders at once, each in a child that may use the worker's MEMORY_LIMIT.
    """

    resources: Mapping[str, Any] = field(default_factory=dict)
    parallel: int = 1


@dataclass(frozen=True, slots=True)
class PodDefaults:
    """Defaults for every pod of a Job, in every profile.

    Attributes:
        env: Variables (EnvVar). They win over those of the ConfigMap and Secrets, never over the ones that
            name the shard.
        pull_policy: "" leaves it to Kubernetes.
        scheduling: Some of the fields of `SCHEDULING`.
        env_from: Further sources of variables (EnvFromSource), after those of the settings.
        volumes: Further volumes (Volume).
        volume_mounts: Further mounts of the container (VolumeMount).
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    env: tuple[Mapping[str, Any], ...] = ()
    pull_policy: str = ""
    scheduling: Mapping[str, Any] = field(default_factory=dict)
    env_from: tuple[Mapping[str, Any], ...] = ()
    volumes: tuple[Mapping[str, Any], ...] = ()
    volume_mounts: tuple[Mapping[str, Any], ...] = ()


SIZES: Mapping[Profile, Size] = {
    Profile.SMALL: Size({"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "2560Mi"}}, 1),
    Profile.MEDIUM: Size({"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "5Gi"}}, 2),
    Profile.LARGE: Size({"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"memory": "10Gi"}}, 4),
}
"""Each image requests a quarter of a core and may use more where the node is idle. The memory limit holds
2 GiB for each image (MEMORY_LIMIT) and some for the parent.
"""


def read_sizes(reader: Reader) -> Mapping[Profile, Size]:
    """Read PROFILES; a profile that it does not name keeps its default."""
    given = _read_json(
        reader, "PROFILES", lambda body: {Profile(name): _parse_size(size) for name, size in body.items()}
    )
    return {**SIZES, **(given or {})}


def read_pod_defaults(reader: Reader) -> PodDefaults:
    """Read WORKER_POD."""
    return _read_json(reader, "WORKER_POD", _parse_pod_defaults) or PodDefaults()


def _read_json(reader: Reader, variable: str, parse: Callable[[Any], T]) -> T | None:
    text = reader.text(variable, MAX_CHARACTERS)
    try:
        return None if text is None else parse(json.loads(text))
    except (ValueError, TypeError, AttributeError, KeyError) as ex:
        reader.fault(variable, f"is not the JSON object that docs/settings.md describes: {ex}")
        return None


def _parse_size(body: Mapping[str, Any]) -> Size:
    parallel = body.get("parallel", 1)
    if not isinstance(parallel, int) or not 1 <= parallel <= MAX_PARALLEL:
        raise ValueError(f"parallel is not a whole number from 1 to {MAX_PARALLEL}")
    return Size({name: dict(value) for name, value in body.items() if name != "parallel"}, parallel)


def _parse_pod_defaults(body: Mapping[str, Any]) -> PodDefaults:
    for name, value in body.items():
        if name not in POD_FIELDS:
            raise ValueError(f"{name} is unknown; known are {', '.join(POD_FIELDS)}")
        if not isinstance(value, POD_FIELDS[name]):
            raise TypeError(f"{name} is of another type")
    if not all(each["name"] for each in body.get("env", [])):
        raise ValueError("an entry of env has no name")
    policy = body.get("imagePullPolicy", "")
    if policy and policy not in PULL_POLICIES:
        raise ValueError(f"imagePullPolicy is not one of {', '.join(PULL_POLICIES)}")
    scheduling = {name: body[name] for name in SCHEDULING if body.get(name)}
    return PodDefaults(
        body.get("labels", {}),
        body.get("annotations", {}),
        tuple(body.get("env", [])),
        policy,
        scheduling,
        tuple(body.get("envFrom", [])),
        tuple(body.get("volumes", [])),
        tuple(body.get("volumeMounts", [])),
    )
