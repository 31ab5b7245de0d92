"""The decoding child, after the fork: it enters its cage, then answers requests until its socket ends."""

import os
import resource
import socket
import sys
import traceback
from collections.abc import Callable, Sequence

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Variant
from imagejobs_worker.child import cage, protocol
from imagejobs_worker.child.config import EXIT_NOT_CAGED, SandboxConfig
from imagejobs_worker.imaging.deadline import Deadline
from imagejobs_worker.imaging.picture import Rendering
from imagejobs_worker.imaging.soundness import tiff_pixels

Render = Callable[[bytes, Sequence[Variant], Limits, Deadline], Rendering]

SOCKET = 0
"""The descriptor of the socket in the child."""
_MAX_DESCRIPTORS = 1024
"""Far above the handful that a zygote has open; the limit itself can be a million."""
_SPARE_CPU_SECONDS = 2


def run(descriptor: int, zygote: int, config: SandboxConfig, render: Render) -> None:
    """Be the child; return when the parent closes its end.

    Args:
        descriptor: The child's end of its socket.
        zygote: Process id of the zygote; the child ends with it.
        config: Limits of the cage.
        render: Makes the pictures.
    """
    _close_others(descriptor)
    cage.die_with(zygote)
    # To print an error that it cannot raise, Python opens source files, and the cage forbids that.
    sys.unraisablehook = _say_nothing
    peer = socket.socket(fileno=SOCKET)
    try:
        cage.enter(config, lambda listener: _announce(peer, listener))
    except (cage.LayerMissing, OSError):
        os._exit(EXIT_NOT_CAGED)
    _serve(peer, render)
    # Python warns of a socket that was not closed, and asks the kernel for its name; the filter would end the
    # process for that call.
    peer.detach()


def _announce(peer: socket.socket, listener: int | None) -> None:
    """Hand the listener for threads to the parent; see `ThreadWarden`."""
    if listener is None:
        peer.sendall(protocol.NO_LISTENER)
        return
    socket.send_fds(peer, [protocol.LISTENER], [listener])
    os.close(listener)


def _close_others(descriptor: int) -> None:
    """Keep the socket as 0, the null device as 1, and make 2 a pipe to the child itself.

    libtiff and other libraries write text there that comes from files.
    """
    os.dup2(descriptor, SOCKET)
    os.dup2(1, 2)
    os.closerange(3, _MAX_DESCRIPTORS)
    tiff_pixels.listen()


def _say_nothing(_error: object) -> None:
    """Take the place of `sys.unraisablehook`."""


def _serve(peer: socket.socket, render: Render) -> None:
    while _serve_one(peer, render):
        pass


def _serve_one(peer: socket.socket, render: Render) -> bool:
    """Answer one request; return False once the parent has closed its end.

    A function of its own, so that no object of an image outlives it.
    """
    prefix = _receive(peer, protocol.PREFIX.size)
    if not prefix:
        return False
    head_bytes, source_bytes = protocol.read_sizes(prefix, protocol.MAX_FILES_BYTES)
    head, source = _receive(peer, head_bytes), _receive(peer, source_bytes)
    request = protocol.read_request(head)
    for part in _answer(request, source, render):
        peer.sendall(part)
    return True


def _answer(request: protocol.Request, source: bytes, render: Render) -> list[bytes]:
    """Return the parts of the answer."""
    before = _limit_cpu(request.limits.image_seconds)
    try:
        rendering = render(
            source, request.variants, request.limits, Deadline.after(request.limits.image_seconds)
        )
        return [
            protocol.pack_rendering(rendering, request.nonce, _cpu_micros() - before),
            *(each.data for each in rendering.pictures if not each.kept_original),
        ]
    except ImageFailed as ex:
        used = _cpu_micros() - before
        return [protocol.pack_failure(request.nonce, ex.code, ex.message, cpu_micros=used)]
    except MemoryError:
        return [
            protocol.pack_failure(request.nonce, Code.OUT_OF_MEMORY, "needed more memory than is allowed")
        ]
    except Exception as ex:  # noqa: BLE001 - the top of the loop; the parent logs what is sent
        return [protocol.pack_failure(request.nonce, Code.INTERNAL_ERROR, "", _traceback(ex))]


def _traceback(ex: Exception) -> str:
    """Return where the error happened, without source lines: `traceback` would open files for them."""
    frames = (
        f"{frame.f_code.co_filename}:{line} {frame.f_code.co_qualname}"
        for frame, line in traceback.walk_tb(ex.__traceback__)
    )
    return "\n".join([*frames, f"{type(ex).__name__}: {ex}"])


def _cpu_micros() -> int:
    """Return the processor time of this process so far, in microseconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return int(1e6 * (used.ru_utime + used.ru_stime))


def _limit_cpu(seconds: float) -> int:
    """Set SIGXCPU to come after the CPU time that this image may take; return the time used before, in us.

    It ends a decoder that loops even if its parent no longer watches it.
    """
    used = _cpu_micros()
    soft = int(used / 1e6 + seconds) + _SPARE_CPU_SECONDS
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(
        resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
    )
    return used


def _receive(peer: socket.socket, count: int) -> bytes:
    """Return exactly `count` bytes, or none if the peer is gone."""
    data = peer.recv(count, socket.MSG_WAITALL)
    return data if len(data) == count else b""
