"""Builds the container images and prints their sizes: `python tools/images.py --tag e2e --kind imagejobs`.

Reads DOCKER (the client, `docker`), BASE_IMAGE (python:3.13-slim) and REGISTRY (ghcr.io/imagejobs) from the
environment.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMAGES: Mapping[str, Sequence[str]] = {
    "imagejobs-api": ["--file", "api/Dockerfile"],
    "imagejobs-operator": ["--file", "operator/Dockerfile"],
    "imagejobs-worker": ["--file", "worker/Dockerfile"],
    "imagejobs-worker-faces": [
        "--file",
        "worker/Dockerfile",
        "--build-arg",
        "EXTRAS=heic,jpeg,png,simd,otel,face",
    ],
    "imagejobs-dev": ["--file", "charts/dev/Dockerfile"],
}
"""Name -> arguments of `docker build` beside those that all images share."""
MAX_WORKER_BYTES = 150 * 10**6
"""How much larger than its base the worker's image may be."""


def run(*command: str) -> str:
    """Run a program and return its output; its standard error is shown."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout.strip()


def revision() -> str:
    """Return the commit that is built, or "unknown" outside a clone."""
    found = subprocess.run(
        ["git", "rev-parse", "HEAD"], check=False, capture_output=True, text=True, cwd=ROOT
    )
    return found.stdout.strip() or "unknown"


def common(base: str, tag: str) -> list[str]:
    """Return the arguments of `docker build` that all images share."""
    return [
        "--build-arg",
        f"BASE_IMAGE={base}",
        "--label",
        f"org.opencontainers.image.base.name={base}",
        "--build-arg",
        f"VERSION={tag}",
        "--build-arg",
        f"REVISION={revision()}",
    ]


def build(docker: str, image: str, arguments: Sequence[str]) -> int:
    """Build an image and return its size in bytes."""
    run(docker, "build", "--quiet", "--tag", image, *arguments, ".")
    return size(docker, image)


def resolve(docker: str, base: str) -> str:
    """Return the base image by its digest, so that all images of a release have the same one."""
    if "@" in base:
        return base
    found = run(docker, "buildx", "imagetools", "inspect", "--format", "{{json .Manifest}}", base)
    return f"{base}@{json.loads(found)['digest']}"


def publish(docker: str, image: str, arguments: Sequence[str], platforms: str) -> str:
    """Build an image for several platforms and push it: such an image exists only in a registry.

    Returns:
        `name@sha256:...`, the one name that can mean nothing else.
    """
    metadata = ROOT / "build-metadata.json"
    run(
        docker,
        "buildx",
        "build",
        "--platform",
        platforms,
        "--push",
        "--provenance=mode=max",
        "--sbom=true",
        "--metadata-file",
        str(metadata),
        "--tag",
        image,
        *arguments,
        ".",
    )
    digest = json.loads(metadata.read_text())["containerimage.digest"]
    metadata.unlink()
    return f"{image.rpartition(':')[0]}@{digest}"


def size(docker: str, image: str) -> int:
    """Return the size of an image in bytes."""
    return int(run(docker, "image", "inspect", "--format", "{{.Size}}", image))


def main() -> int:
    """Build all images, print a line for each, load them into a named kind cluster; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tag", default="dev", help="the images' tag")
    parser.add_argument("--kind", default="", help="a kind cluster to load them into")
    parser.add_argument(
        "--platforms", default="linux/amd64,linux/arm64", help="what --push builds for; needs buildx"
    )
    parser.add_argument(
        "--push",
        action="store_true",
        help="build for several platforms and push, instead of keeping them here",
    )
    parser.add_argument("--digests", type=Path, help="where --push writes the images by their digests")
    options = parser.parse_args()
    os.environ.setdefault("DOCKER_BUILDKIT", "1")
    docker = os.environ.get("DOCKER", "docker")
    base = os.environ.get("BASE_IMAGE", "python:3.13-slim")
    registry = os.environ.get("REGISTRY", "ghcr.io/imagejobs")
    if options.push:
        base = resolve(docker, base)
    shared = common(base, options.tag)
    images = {f"{registry}/{name}:{options.tag}": [*shared, *own] for name, own in IMAGES.items()}
    if options.push:
        digests = [publish(docker, *each, options.platforms) for each in images.items()]
        if options.digests:
            options.digests.write_text("".join(f"{each}\n" for each in digests))
        return 0
    sizes = {image: build(docker, image, arguments) for image, arguments in images.items()}
    base_bytes = size(docker, base)
    for image, total in sizes.items():
        sys.stdout.write(f"{image}  {total / 1e6:.0f} MB, {(total - base_bytes) / 1e6:.0f} MB above {base}\n")
    if options.kind:
        run("kind", "load", "docker-image", "--name", options.kind, *images)
    worker = sizes[f"{registry}/imagejobs-worker:{options.tag}"]
    if worker - base_bytes > MAX_WORKER_BYTES:
        sys.stderr.write("the worker's image has grown too large\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
