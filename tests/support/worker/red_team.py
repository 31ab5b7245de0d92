"""A decoder that a file took over: it tries to get out of its child.

The zygote imports it as `support.worker.red_team:attempt`; `ATTEMPTS` lists the attempts.

An attempt that works ends in a picture, one that is refused in `corrupt_image` with the reason; one that the
kernel punishes ends the child.
"""

import contextlib
import ctypes
import json
import mmap
import os
import resource
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.options import Format
from imagejobs_worker.child import child, protocol
from imagejobs_worker.imaging import pipeline
from imagejobs_worker.imaging.picture import Picture, Rendering
from support.images import pictures

_LIBC = ctypes.CDLL(None, use_errno=True)
_ARM = os.uname().machine == "aarch64"
_MEMORY = mmap.mmap(-1, 4096)
_WAIT = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(lambda _: time.sleep(60))
"""Made before the cage was entered."""


def order(name: str, known: dict[str, object]) -> bytes:
    """Return a source that makes `attempt` try something.

    Args:
        name: Of the attempt.
        known: Process ids, ports and paths that the attacker knows.
    """
    return pictures.GIF + json.dumps([name, known]).encode()


def attempt(source, variants, limits, deadline):
    """Try what the source says; a source that says nothing is rendered."""
    try:
        name, known = json.loads(source.removeprefix(pictures.GIF))
    except ValueError:
        return pipeline.render(source, variants, limits, deadline)
    try:
        data = TRICKS[name]() if name in TRICKS else ATTEMPTS[name](**known)
    except OSError as ex:
        raise ImageFailed(f"refused: {ex.strerror}", code=Code.CORRUPT_IMAGE) from ex
    picture = Picture(variants[0].name, data or b"GIF89a\1\0\1\0 got out", 1, 1, Format.GIF, False)
    return Rendering("gif", 1, 1, 1, (picture,))


def c(name, *arguments):
    """Call libc."""
    result = getattr(_LIBC, name)(*arguments)
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def syscall(x86, arm, *arguments):
    """Call the kernel."""
    words = (ctypes.c_long(each) if isinstance(each, int) else each for each in arguments)
    return c("syscall", ctypes.c_long(arm if _ARM else x86), *words)


def read_environment(parent, **_):
    Path(f"/proc/{parent}/environ").read_bytes()


def read_memory(parent, **_):
    with Path(f"/proc/{parent}/mem").open("rb"):
        pass


def read_memory_by_call(parent, address, **_):
    class Area(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))

    mine = ctypes.create_string_buffer(8)
    ours, theirs = Area(ctypes.addressof(mine), 8), Area(address, 8)
    syscall(310, 270, parent, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0)


def look_at_descriptors(parent, **_):
    list(Path(f"/proc/{parent}/fd").iterdir())


def take_a_descriptor(parent, descriptor, **_):
    syscall(438, 438, os.pidfd_open(parent), descriptor, 0)


def trace_the_parent(victim, **_):
    syscall(101, 117, 0x4206, victim, 0, 0)  # PTRACE_SEIZE
    syscall(101, 117, 17, victim, 0, 0)


def signal_the_parent(parent, **_):
    os.kill(parent, signal.SIGURG)


def signal_another(victim, **_):
    os.kill(victim, signal.SIGURG)


def signal_a_thread_of_another(victim, **_):
    syscall(234, 131, victim, victim, int(signal.SIGURG))


def signal_all(**_):
    os.kill(-1, signal.SIGURG)


def limit_the_parent(victim, **_):
    resource.prlimit(victim, resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def connect_tcp(port, **_):
    socket.create_connection(("127.0.0.1", port), 1).close()


def listen_on_tcp(**_):
    socket.create_server(("127.0.0.1", 0)).close()


def send_udp(udp_port, **_):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way_out:
        way_out.sendto(b"secret", ("127.0.0.1", udp_port))


def connect_unix(unix, **_):
    with socket.socket(socket.AF_UNIX) as way_out:
        way_out.connect(unix)


def connect_abstract(abstract, **_):
    with socket.socket(socket.AF_UNIX) as way_out:
        way_out.connect("\0" + abstract)


def hand_over_a_descriptor(**_):
    socket.send_fds(socket.socket(fileno=os.dup(0)), [b"x"], [1])


def another_descriptor(**_):
    os.dup(0)


def read_a_file(file, **_):
    Path(file).read_bytes()


def write_a_file(folder, **_):
    Path(folder, "written").write_bytes(b"x")


def add_to_a_file(file, **_):
    with Path(file).open("ab") as out:
        out.write(b"x")


def remove_a_file(doomed, **_):
    Path(doomed).unlink()


def make_a_folder(folder, **_):
    Path(folder, f"made-{os.getpid()}").mkdir()


def list_a_folder(folder, **_):
    list(Path(folder).iterdir())


def link_a_file(file, folder, **_):
    os.link(file, f"{folder}/link-{os.getpid()}")


def change_a_mode(file, **_):
    Path(file).chmod(0o600)


def look_for_a_file(file, **_):
    Path(file).stat()


def fork(**_):
    if not os.fork():
        os._exit(0)
    os.wait()


def start_a_thread(**_):
    try:
        thread = threading.Thread(target=int)
        thread.start()
    except RuntimeError as ex:
        raise OSError(11, str(ex)) from ex
    thread.join()


def execute(**_):
    os.execv("/bin/true", ["true"])


def execute_from_memory(**_):
    program = os.memfd_create("program")
    os.write(program, Path("/bin/true").read_bytes())
    os.execve(program, ["true"], {})


def memory_file(**_):
    os.close(os.memfd_create("file"))


def code_in_new_memory(**_):
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def code_in_old_memory(**_):
    address = ctypes.addressof(ctypes.c_char.from_buffer(_MEMORY))
    c("mprotect", ctypes.c_void_p(address), ctypes.c_size_t(4096), mmap.PROT_READ | mmap.PROT_EXEC)


def another_user(**_):
    os.setresuid(65534, 65534, 65534)


def mount(folder, **_):
    c("mount", b"none", folder.encode(), b"tmpfs", ctypes.c_ulong(0), None)


def new_namespaces(**_):
    c("unshare", 0x10000000)  # CLONE_NEWUSER


def change_root(folder, **_):
    os.chroot(folder)


def keys(**_):
    syscall(250, 219, 0, -3 & 0xFFFFFFFF, 1, 0, 0)  # KEYCTL_GET_KEYRING_ID of the session


def bpf(**_):
    syscall(321, 280, 0, ctypes.create_string_buffer(b"\x02\0\0\0\x04\0\0\0\x04\0\0\0\x01", 72), 72)


def io_uring(**_):
    syscall(425, 425, 1, ctypes.create_string_buffer(120))


def perf(**_):
    syscall(298, 241, ctypes.create_string_buffer(b"\x01\0\0\0\x80", 128), 0, -1, -1, 0)


def page_faults(**_):
    syscall(323, 282, 1)  # UFFD_USER_MODE_ONLY


def shared_memory(**_):
    c("shmget", 0, ctypes.c_size_t(4096), 0o1600)


def kernel_module(**_):
    syscall(175, 105, None, 0, None)


def open_again_to_peers(**_):
    c("prctl", 4, 1, 0, 0, 0)
    Path("/proc/self/status").read_bytes()


def more_descriptors(**_):
    resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000))


def calls_of_another_machine(**_):
    syscall(0x40000000 + 39, 0x40000000 + 39)  # getpid of x32


def another_core(**_):
    os.sched_setaffinity(0, {0})


def control_a_device(**_):
    c("ioctl", 1, 0x5412, b"x")  # TIOCSTI


def lift_the_cpu_limit():
    """Take as much processor time as there is."""
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except ValueError as ex:
        raise OSError(1, str(ex)) from ex


def send_far_too_much():
    """Answer with as many bytes as a message holds, though one pixel was asked for."""
    return b"GIF89a\1\0\1\0" + bytes(64 * 2**20)


def tell_its_addresses():
    """Say where libc and the heap lie, and what guards the stack."""
    raise ImageFailed(f"libc {ctypes.cast(_LIBC.getpid, ctypes.c_void_p).value:x}", code=Code.CORRUPT_IMAGE)


def crash():
    """Guess a byte of an address wrongly."""
    ctypes.string_at(8)


def answer_the_next_unread():
    """Answer this image, and then the next without reading it, by what is known of this request."""
    nonce = sys._getframe(2).f_locals["request"].nonce

    def forge(peer, _count):
        peer.recv(1, socket.MSG_PEEK)  # the next request has come
        lie = Picture("default", b"GIF89a\x14\0\x0f\0 forged", 20, 15, Format.GIF, False)
        peer.sendall(protocol.pack_rendering(Rendering("jpeg", 80, 60, 1, (lie,)), nonce) + lie.data)
        return b""

    child._receive = forge


def start_threads_without_end():
    """Start threads that end only with the process."""
    made = 0
    for _ in range(3000):
        if _LIBC.pthread_create(ctypes.byref(ctypes.c_ulong()), None, _WAIT, None):
            break
        made += 1
    raise ImageFailed(f"{made} threads", code=Code.CORRUPT_IMAGE)


def start_and_end_threads():
    """Start a thread after another, to keep the parent busy that counts them."""
    for _ in range(20_000):
        thread = threading.Thread(target=int)
        with contextlib.suppress(RuntimeError):
            thread.start()
            thread.join()
    raise ImageFailed("20000 threads", code=Code.CORRUPT_IMAGE)


TRICKS = {
    each.__name__: each
    for each in (
        lift_the_cpu_limit, send_far_too_much, tell_its_addresses, crash, answer_the_next_unread,
        start_threads_without_end, start_and_end_threads,
    )
}  # fmt: skip
"""What the filter lets through: each is refused elsewhere, in a way of its own."""
ATTEMPTS = {
    name: each
    for name, each in globals().items()
    if callable(each) and getattr(each, "__module__", "") == __name__ and each.__code__.co_flags & 8
}
"""By name: everything above that takes whatever is known."""
