"""Each layer of the cage by itself, as it holds where the kernel lacks the others."""

import contextlib
import errno
import fcntl
import os
import signal
import socket
import sys

import pytest

from imagejobs_worker.child import cage, kernel, landlock, probe, rlimits, seccomp, thread_warden
from imagejobs_worker.child.config import SandboxConfig, SandboxMode, SandboxReport
from support.worker import in_fork, red_team

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="cages are made of what Linux has")
GIB = 2**30
FILES = (
    *("read_environment", "read_memory", "look_at_descriptors"),
    *(
        "read_a_file",
        "write_a_file",
        "add_to_a_file",
        "remove_a_file",
        "make_a_folder",
        "list_a_folder",
        "link_a_file",
        "execute",
    ),
)


def tries(name, known):
    return lambda: red_team.ATTEMPTS[name](**known)


def only_landlock():
    kernel.prctl(kernel.SET_NO_NEW_PRIVS, 1)
    assert landlock.forbid_all()


def only_seccomp():
    kernel.prctl(kernel.SET_NO_NEW_PRIVS, 1)
    assert seccomp.install()


def only_limits():
    rlimits.limit_process(GIB, 600)


def as_nobody():
    if os.getuid() == 0:
        os.setresuid(65534, 65534, 65534)


needs_landlock = pytest.mark.skipif(
    sys.platform == "linux" and not landlock.version(), reason="needs Landlock"
)


@needs_landlock
@pytest.mark.parametrize("name", FILES)
def test_landlock_alone_closes_files(known, name):
    assert in_fork.outcome(only_landlock, tries(name, known)) in (errno.EACCES, errno.EPERM)


@pytest.mark.skipif(sys.platform == "linux" and landlock.version() < 4, reason="needs Landlock 4 (Linux 6.7)")
@pytest.mark.parametrize("name", ["connect_tcp", "listen_on_tcp"])
def test_landlock_alone_closes_tcp(known, name):
    assert in_fork.outcome(only_landlock, tries(name, known)) == errno.EACCES


@pytest.mark.skipif(
    sys.platform == "linux" and landlock.version() < 6, reason="needs Landlock 6 (Linux 6.12)"
)
@pytest.mark.parametrize(
    "name", ["signal_the_parent", "signal_another", "connect_abstract", "trace_the_parent"]
)
def test_landlock_alone_keeps_from_other_processes(known, name):
    assert in_fork.outcome(only_landlock, tries(name, known)) in (errno.EPERM, errno.ESRCH)


@pytest.mark.parametrize(
    "name", ["another_descriptor", "read_a_file", "connect_tcp", "send_udp", "memory_file"]
)
def test_limits_alone_open_no_descriptor(known, name):
    assert in_fork.outcome(only_limits, tries(name, known)) == errno.EMFILE


def test_limits_alone_start_no_process(known):
    assert in_fork.outcome(as_nobody, only_limits, tries("fork", known)) == errno.EAGAIN


@pytest.mark.parametrize("name", ["code_in_new_memory", "code_in_old_memory"])
def test_no_code_is_made_even_without_a_filter(known, name):
    """MDWE, which Linux 6.3 has; the trial's kernel may be older."""
    found = in_fork.outcome(lambda: cage.enter(SandboxConfig(SandboxMode.OFF, GIB)), tries(name, known))
    assert found == (errno.EACCES if linux() >= (6, 3) else 0)


def test_nobody_may_look_into_a_caged_process(known):
    """Also not with root's user id: its rights are gone."""
    assert (
        in_fork.outcome(
            kernel.drop_capabilities,
            as_nobody,
            kernel.hide_from_peers,
            tries("read_environment", known | {"parent": "self"}),
        )
        != 0
    )


@pytest.mark.parametrize("mode", [SandboxMode.REQUIRED, SandboxMode.BEST])
def test_a_cage_can_be_entered_once_only_and_from_it_nothing_is_opened(known, mode):
    if mode is SandboxMode.REQUIRED and probe.probe_sandbox().missing:
        pytest.skip("needs Landlock and seccomp")
    assert in_fork.outcome(lambda: cage.enter(SandboxConfig(mode, GIB)), tries("read_a_file", known)) in (
        in_fork.KILLED + signal.SIGSYS,
        errno.EMFILE,
    )


@contextlib.contextmanager
def allowing_threads():
    """Answer the kernel that a thread may start, as `ThreadWarden` does, in a process beside the test."""
    ours, its = socket.socketpair()
    with ours, its:
        pid = os.fork()
        if not pid:
            signal.alarm(in_fork.SECONDS)
            try:
                (listener,) = socket.recv_fds(its, 1, 1)[1]
                request = bytearray(thread_warden._NOTIFICATION_BYTES)
                fcntl.ioctl(listener, thread_warden._RECEIVE, request)
                answer = thread_warden._ANSWER.pack(int.from_bytes(request[:8], sys.byteorder), 0, 0, 1)
                fcntl.ioctl(listener, thread_warden._SEND, answer)
            finally:
                os._exit(0)
        yield lambda listener: listener is None or socket.send_fds(ours, [b"L"], [listener])
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_a_child_that_reads_heic_may_start_threads_but_no_process(known):
    # So much memory that a test run, of which this is a fork, has some left for a thread: without any its
    # start never ends.
    config = SandboxConfig(SandboxMode.BEST, 64 * GIB, threads=True)
    # The first thread of a process lets glibc set up its signals: `warm.thread` has done that before a child
    # enters its cage.
    warm = tries("start_a_thread", known)
    with allowing_threads() as announce:
        entered = [warm, as_nobody, lambda: cage.enter(config, announce), tries("start_a_thread", known)]
        assert in_fork.outcome(*entered) == 0
    if probe.probe_sandbox().seccomp:
        for name in ("fork", "read_a_file", "connect_tcp"):
            assert (
                in_fork.outcome(lambda: cage.enter(config), tries(name, known))
                == in_fork.KILLED + signal.SIGSYS
            )


def test_what_is_required_and_not_there_is_an_error(monkeypatch):
    monkeypatch.setattr(landlock, "forbid_all", lambda: 0)

    def enter():
        try:
            cage.enter(SandboxConfig(SandboxMode.REQUIRED, GIB))
        except cage.LayerMissing as ex:
            raise OSError(99, str(ex)) from ex

    assert in_fork.outcome(enter) == 99


def test_the_trial_tells_what_holds():
    held = probe.probe_sandbox()
    assert held.landlock == landlock.version()
    assert held.missing == tuple(
        name for name, holds in (("landlock", held.landlock), ("seccomp", held.seccomp)) if not holds
    )


def test_the_trial_believes_only_what_it_sees(monkeypatch):
    """Some kernels take a ruleset or a filter and do nothing with it."""
    monkeypatch.setattr(landlock, "forbid_all", lambda: 7)
    monkeypatch.setattr(seccomp, "install", lambda: True)
    assert probe.probe_sandbox() == SandboxReport(0, False)


@pytest.mark.parametrize(
    ("version", "files", "network", "scopes"),
    [
        (1, 13, 0, 0),
        (2, 14, 0, 0),
        (3, 15, 0, 0),
        (4, 15, 3, 0),
        (5, 16, 3, 0),
        (6, 16, 3, 3),
        (7, 16, 3, 3),
        (99, 16, 3, 3),
    ],
)
def test_each_version_of_landlock_is_asked_for_all_that_it_knows(version, files, network, scopes):
    assert landlock.access_masks(version) == (2**files - 1, network, scopes)


def linux():
    return tuple(int(each) for each in os.uname().release.split("-")[0].split(".")[:2])
