"""What the e2e suite does to a cluster: kubectl, helm, a client of the API and one of its S3.

Nothing of ours is imported.
"""

import base64
import io
import json
import subprocess
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import boto3
import botocore.config
from PIL import Image

from support.clock.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "charts" / "imagejobs"
VALUES = ROOT / "tests" / "e2e" / "values.yaml"
RELEASE = "imagejobs"
NAMESPACE = "imagejobs-e2e"
API = "http://127.0.0.1:30080"
S3 = "http://127.0.0.1:30900"
BUCKET = "imagejobs"
T = TypeVar("T")


def run(*command: str, stdin: str | None = None, timeout: float = 180) -> str:
    """Run a program and return what it printed; its complaint is in the error."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr or done.stdout}"
    return done.stdout


def kubectl(
    *arguments: str, stdin: str | None = None, namespace: str = NAMESPACE, timeout: float = 180
) -> str:
    return run("kubectl", "--namespace", namespace, *arguments, stdin=stdin, timeout=timeout)


def helm(*arguments: str, namespace: str = NAMESPACE, timeout: float = 300) -> str:
    return run("helm", "--namespace", namespace, *arguments, timeout=timeout)


def read(kind: str, name: str, namespace: str = NAMESPACE) -> dict[str, Any]:
    return json.loads(kubectl("get", kind, name, "--output", "json", namespace=namespace))


def apply(*objects: dict[str, Any], namespace: str = NAMESPACE) -> None:
    kubectl(
        "apply",
        "--filename",
        "-",
        stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}),
        namespace=namespace,
    )


def until(what: str, check: Callable[[], T | None], seconds: float = 60, every: float = 0.3) -> T:
    """Return the first true answer of a check."""
    return eventually(check, seconds, what=what, pause_seconds=every)  # type: ignore[return-value]  # a true one


def imagejob(name: str, keys: Iterable[str], **spec: Any) -> dict[str, Any]:
    """Return an ImageJob that makes each object 200 px wide."""
    items = [{"name": key.rpartition("/")[2], "key": key} for key in keys]
    body = {"items": items, "variants": [{"width": 200}]} | spec
    return {
        "apiVersion": "imagejobs.dev/v1alpha1",
        "kind": "ImageJob",
        "metadata": {"name": name},
        "spec": body,
    }


def image_site(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """Return a web server, in a pod that restricted namespaces take, with its service and its files."""
    labels = {"app": "images"}
    image = next(
        each["image"]
        for each in read("deployment", f"{RELEASE}-api")["spec"]["template"]["spec"]["containers"]
    )
    container = {
        "name": "images", "image": image,
        "command": ["python", "-m", "http.server", "8080", "--directory", "/images"],
        "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                            "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "images", "mountPath": "/images"}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1},
    }  # fmt: skip
    spec = {
        "containers": [container], "volumes": [{"name": "images", "configMap": {"name": "images"}}],
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532,
                            "seccompProfile": {"type": "RuntimeDefault"}},
        "terminationGracePeriodSeconds": 0,
    }  # fmt: skip
    data = {name: base64.b64encode(content).decode() for name, content in files.items()}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "images"}, "binaryData": data},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "images", "labels": labels}, "spec": spec},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "images"},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
        },
    ]


def pool_reaches(url: str) -> bool:
    """Return whether a pod of the pool gets an answer from there."""
    program = f"import urllib.request; urllib.request.urlopen({url!r}, timeout=3)"
    command = [
        "kubectl",
        "--namespace",
        NAMESPACE,
        "exec",
        f"deployment/{RELEASE}-pool",
        "--",
        "python",
        "-c",
        program,
    ]
    return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0


def wait_until_finished(name: str, seconds: float = 120, namespace: str = NAMESPACE) -> dict[str, Any]:
    """Wait with kubectl until an ImageJob is finished, and return its status."""
    kubectl(
        "wait",
        "--for=condition=Finished",
        f"--timeout={seconds:g}s",
        f"imagejob/{name}",
        namespace=namespace,
        timeout=seconds + 10,
    )
    return read("imagejob", name, namespace)["status"]


def succeeded_so_far(name: str) -> int:
    return read("imagejob", name).get("status", {}).get("items", {}).get("succeeded", 0)


def delete_pods(component: str) -> None:
    """Kill the pods of a component without a grace period, and wait until they are gone."""
    kubectl(
        "delete",
        "pods",
        "--selector",
        f"app.kubernetes.io/component={component}",
        "--grace-period=0",
        "--force",
        "--wait=true",
    )


def photo(width: int = 640, height: int = 480, quality: int = 85) -> bytes:
    """Return a JPEG with some detail."""
    noise = Image.effect_noise((width // 4, height // 4), 60).resize((width, height)).convert("L")
    picture = Image.merge(
        "RGB",
        (
            noise,
            noise.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
            noise.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        ),
    )
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def api_key() -> str:
    """Return the key that the chart made."""
    return base64.b64decode(read("secret", f"{RELEASE}-key")["data"]["API_KEY"]).decode()


def fetch(url: str) -> Image.Image:
    """Return the image under a link. The API gets the key; S3, where it redirects to, must not."""
    if url.startswith(API):
        url = run(
            "curl",
            "--silent",
            "--header",
            f"Authorization: Bearer {api_key()}",
            "--output",
            "/dev/null",
            "--write-out",
            "%{redirect_url}",
            url,
        )
    with urllib.request.urlopen(url, timeout=30) as response:
        return Image.open(io.BytesIO(response.read()))


def curl(*arguments: str) -> Any:
    """Run curl as the README does, and return the JSON it prints."""
    return json.loads(
        run(
            "curl",
            "--header",
            f"Authorization: Bearer {api_key()}",
            "--silent",
            "--show-error",
            "--max-time",
            "90",
            *arguments,
        )
    )


def storage() -> Any:
    """Return a client of the release's S3, with its own credentials."""
    secret = {
        name: base64.b64decode(value).decode()
        for name, value in read("secret", f"{RELEASE}-dev")["data"].items()
    }
    return boto3.client(
        "s3",
        endpoint_url=S3,
        region_name="us-east-1",
        aws_access_key_id=secret["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=secret["AWS_SECRET_ACCESS_KEY"],
        config=botocore.config.Config(
            s3={"addressing_style": "path"}, retries={"total_max_attempts": 5, "mode": "standard"}
        ),
    )


def put_photos(client: Any, prefix: str, count: int, data: bytes) -> list[str]:
    """Store the same photo under many keys."""
    keys = [f"{prefix}/{n:04}.jpg" for n in range(count)]
    for key in keys:
        client.put_object(Bucket=BUCKET, Key=key, Body=data, ContentType="image/jpeg")
    return keys


def list_keys(client: Any, prefix: str) -> list[str]:
    """Return all keys under a prefix."""
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def list_outputs(client: Any, name: str) -> list[str]:
    """Return the keys of a job's results under its own prefix."""
    return list_keys(client, f"outputs/{NAMESPACE}.{name}.")


def outcome_indexes(client: Any, uid: str) -> list[int]:
    """Return the indexes of all outcomes of a job in S3, sorted; a duplicate comes twice."""
    lines = [
        line
        for key in list_keys(client, f"jobs/{uid}/results/")
        for line in client.get_object(Bucket=BUCKET, Key=key)["Body"].read().splitlines()
    ]
    return sorted(json.loads(line)["index"] for line in lines)


def diagnosis(namespace: str = NAMESPACE) -> str:
    """Return what an operator would look at first; never fails."""
    commands = [
        ["get", "pods,jobs,imagejobs", "--output", "wide"],
        ["get", "events", "--sort-by=.lastTimestamp"],
        [
            "logs",
            "--selector",
            "app.kubernetes.io/part-of=imagejobs,app.kubernetes.io/component!=dev-s3",
            "--tail",
            "60",
            "--prefix",
            "--all-containers",
        ],
        ["logs", "--selector", "imagejobs.dev/imagejob", "--tail", "20", "--prefix"],
    ]
    parts = []
    for command in commands:
        done = subprocess.run(
            ["kubectl", "--namespace", namespace, *command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        parts.append(f"$ kubectl {' '.join(command)}\n{done.stdout[-12_000:]}{done.stderr[-2_000:]}")
    return "\n".join(parts)
