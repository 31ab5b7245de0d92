"""A child has the codecs that its zygote loaded, and loads none in its cage.

All pairs of formats are tried, each where no other format was loaded.
"""

import ast
import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.options import Fit, Format, Gravity, Variant
from imagejobs_worker.child import needed_codecs
from imagejobs_worker.child.decoder import Decoder
from support.images import pictures

FACE = Variant(width=9, height=9, fit=Fit.COVER, gravity=Gravity.FACE)
_SHOWING = {"ImageShow", "ImageQt", "ImageWin", "ImageGrab", "tempfile", "features"}
_DRAWING = {"ImageDraw", "ImageFont", "ImageFilter", "ImageTransform", "colorsys", "random"}
_OTHERWISE = {"mmap", "defusedxml", "PSDraw", "EpsImagePlugin"}
"""Files by their names, XMP as a tree, PostScript."""
_NEVER = _SHOWING | _DRAWING | _OTHERWISE
"""Loaded by functions that the pipeline does not call."""


@pytest.mark.parametrize(
    ("source", "variants", "expected"),
    [
        ("jpeg", [Variant(width=9)], {"jpeg"}),
        ("jpeg", [Variant(format=Format.WEBP), Variant("b")], {"jpeg", "webp"}),
        ("bmp", [Variant()], {"bmp", "jpeg", "png"}),
        ("heic", [Variant()], {"jpeg", "png"}),
        ("png", [FACE], {"png", "faces"}),
    ],
)
def test_an_image_needs_its_format_and_those_of_its_results(source, variants, expected):
    assert needed_codecs.find(source, variants) == expected


def test_codecs_come_back_as_they_were_packed():
    for some in (set(), {"jpeg"}, {"faces", "png"}, {*needed_codecs.FORMATS, needed_codecs.FACES}):
        assert needed_codecs.unpack(needed_codecs.pack(some)) == some


@pytest.mark.parametrize("source", needed_codecs.FORMATS)
def test_every_pair_of_formats_passes_where_no_other_was_loaded(source):
    async def each(result):
        decoder = Decoder(Limits(), preload=())
        try:
            for image in (pictures.photo(61, 43), pictures.photo(61, 43).convert("RGBA")):
                opaque = image.convert("RGB") if source == "jpeg" else image
                rendering = await decoder.render(
                    pictures.saved(opaque, source), [Variant(width=23, format=result, keep_metadata=True)]
                )
                assert rendering.pictures[0].width == 23
            return decoder._children.loaded
        finally:
            await decoder.close()

    for result in Format:
        assert asyncio.run(each(result)) == {source, result.value} | needed_codecs.ALWAYS


def test_a_child_that_lacks_a_codec_is_replaced_once():
    png = pictures.saved(pictures.photo(60, 40), "png")
    jpeg = pictures.saved(pictures.photo(60, 40), "jpeg")

    async def scenario():
        decoder, pids = Decoder(Limits(), preload=["jpeg"]), []
        try:
            for source in (jpeg, jpeg, png, jpeg, png):
                await decoder.render(source, [Variant(width=30)])
                pids.append(decoder.child_pid)
        finally:
            await decoder.close()
        return pids

    first, second, *rest = asyncio.run(scenario())
    assert first == second
    assert len({first, *rest}) == 2


@pytest.mark.parametrize("codec", needed_codecs.FORMATS)
def test_a_codec_leaves_no_module_of_pillow_to_be_loaded_later(codec):
    """Pillow imports inside of functions.

    Each module that it could import there is loaded before the cage, or is not used by the pipeline.
    """
    loaded = set(
        output_of(
            f"from imagejobs_worker.child import preload; preload.load('jpeg'); preload.load({codec!r}); "
            "print(json.dumps(sorted(sys.modules)))"
        )
    )
    lazily = {name for module in loaded if module.startswith("PIL.") for name in _lazy_imports(module)}
    assert lazily - {each.removeprefix("PIL.") for each in loaded} - _NEVER - _other_plugins(codec) == set()


def test_no_picture_and_no_option_loads_a_module(tmp_path):
    assert (
        output_of(
            "from support.images import decoder_coverage; "
            f"decoder_coverage.write({str(tmp_path)!r}); print(1)"
        )
        == 1
    )
    assert len(list(tmp_path.iterdir())) > 40
    assert (
        output_of(
            "from support.images import decoder_coverage; "
            f"print(json.dumps(decoder_coverage.modules_loaded_late({str(tmp_path)!r})))"
        )
        == []
    )


def output_of(code):
    """Return what code prints as JSON, run where nothing else was loaded."""
    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    ended = subprocess.run(
        [sys.executable, "-c", f"import json, sys; {code}"],
        capture_output=True,
        text=True,
        check=True,
        env=environ,
    )
    return json.loads(ended.stdout)


def _other_plugins(codec):
    """Return Pillow's modules for formats that were not loaded."""
    return {each.stem for each in _folder().glob("*ImagePlugin.py")} - {f"{codec}ImagePlugin"}


def _folder():
    import PIL

    return Path(PIL.__file__).parent


def _lazy_imports(module):
    """Return the modules that functions of a Pillow module import; those of Pillow by their name there."""
    file = _folder() / f"{module.removeprefix('PIL.')}.py"
    if not file.exists():
        return set()
    functions = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)]
    found = [
        node
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    names = set()
    for node in found:
        if isinstance(node, ast.ImportFrom) and node.level:
            names |= {node.module.split(".")[0]} if node.module else {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
        else:
            names |= {each.name for each in node.names}
    return names
