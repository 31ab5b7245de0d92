"""Fake pipelines that behave as broken or taken-over decoders do.

A test names them to the zygote as `broken_decoders:<function>`.
"""

import os
import signal
import struct
import time

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.options import Format
from imagejobs_worker.child import protocol
from imagejobs_worker.imaging import pipeline
from imagejobs_worker.imaging.picture import Picture, Rendering
from support.images import pictures

SOCKET = 0


def by_source(source, variants, limits, deadline):
    """Do the deed that the source names, or render it as usual."""
    what = source.removeprefix(pictures.GIF).decode("ascii", "replace")
    if what not in _DEEDS:
        return pipeline.render(source, variants, limits, deadline)
    return _DEEDS[what](source, variants)


def deed(what: str) -> bytes:
    """Return a source that makes `by_source` do this deed."""
    return pictures.GIF + what.encode()


def _killed_by(number):
    def die(_source, _variants):
        signal.raise_signal(number)
        time.sleep(60)

    return die


def _crash(_source, _variants):
    import ctypes

    ctypes.string_at(0)


def _loop(_source, _variants):
    while True:
        pass


def _allocate(_source, _variants):
    return bytearray(4 << 30)


def _exit(_source, _variants):
    os._exit(0)


def _silence(_source, _variants):
    time.sleep(60)


def _raise(_source, _variants):
    raise ZeroDivisionError("a fault of our own")


def _says(data):
    def say(_source, _variants):
        os.write(SOCKET, data)
        time.sleep(60)

    return say


def _lies(**changes):
    """Answer with a picture that contradicts its description."""

    def lie(_source, variants):
        facts = {
            "variant": variants[0].name,
            "data": b"\xff\xd8\xff\xe0 no jpeg",
            "width": 9,
            "height": 9,
            "format": Format.JPEG,
            "kept_original": False,
        }
        return Rendering("gif", 10, 10, 1, (Picture(**{**facts, **changes}),))

    return lie


def _text(_source, _variants):
    protocol.MAX_TEXT_CHARS = 20_000  # in the child, which nobody trusts
    raise ImageFailed("red\x1b[31m\n" + "x" * 10_000, code=Code.CORRUPT_IMAGE)


def _another_code(_source, _variants):
    raise ImageFailed("log in at evil.example", code=Code.UNAUTHORIZED)


def _head(text):
    return struct.pack("!II", len(text), 0) + text


_DEEDS = {
    "crash": _crash,
    "abort": _killed_by(signal.SIGABRT),
    "killed": _killed_by(signal.SIGKILL),
    "cpu": _killed_by(signal.SIGXCPU),
    "sys": _killed_by(signal.SIGSYS),
    "loop": _loop,
    "allocate": _allocate,
    "exit": _exit,
    "silence": _silence,
    "raise": _raise,
    "garbage": _says(b"garbage" * 100),
    "a gigabyte": _says(struct.pack("!II", 100, 1 << 30)),
    "a large head": _says(struct.pack("!II", 1 << 30, 10)),
    "no json": _says(_head(b"{nothing")),
    "deep json": _says(_head(b"[" * 60_000)),
    "a list": _says(_head(b"[1,2,3]")),
    "another's code": _another_code,
    "no nonce": _says(_head(b'{"code":"corrupt_image","message":"is cut"}')),
    "text": _text,
    "another variant": _lies(variant="other"),
    "another format": _lies(format=Format.PNG),
    "a huge size": _lies(width=60_000),
    "the original": _lies(kept_original=True),
}
