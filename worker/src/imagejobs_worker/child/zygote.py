"""A clean process that children are forked from: started by exec, it never holds the parent's secrets.

It loads codecs, then only forks and waits. It has one thread, so that forking is safe, and ends when its
parent does.
"""

import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
import time
from collections.abc import Collection
from io import FileIO
from typing import Any, cast

from imagejobs_worker.child import child, commands, kernel, needed_codecs, preload, probe
from imagejobs_worker.child.commands import Command, CommandKind
from imagejobs_worker.child.config import SandboxConfig, SandboxMode, SandboxReport
from imagejobs_worker.imaging import pipeline
from imagejobs_worker.imaging.codecs import heic

CONTROL_DESCRIPTOR = 0
"""The descriptor on which commands come."""
_POLL_SECONDS = 0.0005
_NICENESS = 5
"""Decoders yield where they share cores with their parent: it needs little CPU, but it extends leases and
supplies all decoders. With this, a batch on two cores has an image in hand in each child for 94 % of the time
instead of 90 %.
"""


def main() -> None:
    """Take the parent's settings, and obey its commands until it closes the socket."""
    os.nice(_NICENESS)
    if sys.platform == "linux":
        _be_killed_first()
        # A child that could write into this memory would control all later children.
        kernel.hide_from_peers()
    control = socket.socket(fileno=CONTROL_DESCRIPTOR)
    loaded = _load_codecs(needed_codecs.ALWAYS)
    report = probe.probe_sandbox()
    if settings := commands.read_settings(control):
        if settings["cage"] == SandboxMode.OFF:
            report = SandboxReport()
        control.sendall(commands.REPORT.pack(*report))
        _serve(control, settings, loaded)


def _serve(control: socket.socket, settings: dict[str, Any], loaded: frozenset[str]) -> None:
    """Load the codecs that the settings name, then fork and reap.

    Args:
        control: Brings the parent's commands.
        settings: `memory_bytes`, `cpu_seconds` and `cage` (its mode) of a child, whether it reads `heic`, the
            codecs to `preload`, and `render`: `module:function` in place of the pipeline, by which tests play
            broken decoders.
        loaded: Codecs that are loaded already.
    """
    render = _import_function(settings["render"]) if settings["render"] else pipeline.render
    if settings["heic"]:
        heic.preload()
        preload.start_first_thread()
    config = SandboxConfig(
        SandboxMode(settings["cage"]), settings["memory_bytes"], settings["cpu_seconds"], settings["heic"]
    )
    loaded |= _load_codecs(frozenset(settings["preload"]) - loaded)
    gc.enable()
    children: set[int] = set()
    while received := _receive_command(control):
        (kind, *numbers), descriptor = received
        if kind is CommandKind.FORK and descriptor is not None:
            answer = _fork(descriptor, config, render)
            os.close(descriptor)
            children.add(answer)
        elif kind is CommandKind.LOAD:
            loaded |= _load_codecs(needed_codecs.unpack(numbers[0]) - loaded)
            answer = needed_codecs.pack(loaded)
        else:
            answer = _reap(*numbers)
            children.discard(numbers[0])
        control.sendall(commands.ANSWER.pack(answer))
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _be_killed_first() -> None:
    """Make the kernel kill decoders, and not their parent, when memory ends; children inherit it.

    Skipped where there is no /proc.
    """
    with contextlib.suppress(OSError), FileIO("/proc/self/oom_score_adj", "w") as file:
        file.write(b"1000")


def _import_function(name: str) -> child.Render:
    module, _, function = name.partition(":")
    return cast(child.Render, getattr(importlib.import_module(module), function))


def _receive_command(control: socket.socket) -> tuple[Command, int | None] | None:
    """Return a command and the descriptor that came with it, or None when the parent is gone."""
    data, descriptors, _, _ = socket.recv_fds(control, commands.COMMAND.size, 1)
    if len(data) != commands.COMMAND.size:
        return None
    kind, number, grace_milliseconds = commands.COMMAND.unpack(data)
    return Command(CommandKind(kind), number, grace_milliseconds), descriptors[0] if descriptors else None


def _fork(descriptor: int, config: SandboxConfig, render: child.Render) -> int:
    zygote = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        child.run(descriptor, zygote, config, render)
        status = 0
    finally:
        # No code of the zygote may run twice: no exit handlers, no return into its loop.
        os._exit(status)


def _load_codecs(wanted: Collection[str]) -> frozenset[str]:
    """Load codecs, and return those that are installed.

    `gc.freeze` keeps collections in a child from touching, and so copying, the pages of these modules.
    """
    loaded = frozenset(each for each in wanted if preload.load(each))
    gc.freeze()
    return loaded


def _reap(pid: int, grace_milliseconds: int) -> int:
    """Return the wait status of the child, which is dead afterwards."""
    until = time.monotonic() + grace_milliseconds / 1000
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        time.sleep(_POLL_SECONDS)
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]
