"""Keeps one program running, as a kubelet does with the container of a Deployment."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from imagejobs_contract.runtime.die_with_parent import die_with_parent

AGAIN_SECONDS = 0.3


class KeptProcess:
    """A program that is started again whenever it ends; its output goes on in one log.

    Args:
        environ: All of its variables.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], log: Path) -> None:
        self._command, self._environ, self._log = list(command), environ, log
        self._over = threading.Event()
        self._process = self._start()
        self._thread = threading.Thread(target=self._keep)
        self._thread.start()

    @property
    def pid(self) -> int:
        """The process that runs now, or ran last."""
        return self._process.pid

    def stop(self) -> None:
        """Kill it, and start it no more."""
        self._over.set()
        while self._thread.is_alive():
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGKILL)
            self._thread.join(0.1)

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as out:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={"PATH": os.environ["PATH"], **self._environ},
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def _keep(self) -> None:
        while True:
            self._process.wait()
            if self._over.wait(AGAIN_SECONDS):
                return
            self._process = self._start()
