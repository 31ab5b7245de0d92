"""Opens files from strangers: known formats only, limits checked from the header, failures as named errors.

It trusts neither a file's name nor its declared type. A truncated file is refused, never shown in part, but
damaged metadata is left out.
"""

from io import BytesIO

from PIL import Image, ImageFile

from imagejobs_contract.codes import Code
from imagejobs_contract.errors import ImageFailed
from imagejobs_contract.model.limits import Limits
from imagejobs_worker.imaging import bounds, damage, file_check
from imagejobs_worker.imaging.codecs import (
    avif_crop,
    bmp,
    gif,
    header,
    heic,
    still_webp,
    tiff,
    transparent_colour,
)
from imagejobs_worker.imaging.colours import few
from imagejobs_worker.imaging.formats import HEIC, SOURCE_FORMATS
from imagejobs_worker.imaging.metadata_blocks import tiff_directory
from imagejobs_worker.imaging.modes import normalise
from imagejobs_worker.imaging.sizes import Box, Size
from imagejobs_worker.imaging.soundness import heif_extents, jpeg_scans, png_checksums, tiff_pixels
from imagejobs_worker.imaging.soundness.odd_metadata import without_odd_metadata
from imagejobs_worker.imaging.source import Opened

_ANIMATED_SOURCES = frozenset({"gif", "webp", "avif", "png"})


def open_image(source: bytes, limits: Limits) -> Opened:
    """Read the header of a file and check its size against the limits.

    Raises:
        ImageFailed: `not_an_image`, `unsupported_format`, `file_too_large`, `too_many_pixels`,
            `corrupt_image`.
    """
    form = file_check.check_file(source, limits, heic=heic.is_preloaded())
    of_source = file_check.source_limits(source, limits)
    Image.MAX_IMAGE_PIXELS = of_source.max_pixels
    with damage.as_image_failed():
        if form == "bmp":
            source = bmp.rewrite(source)
        elif form == "tiff" and tiff_directory.is_big_endian_bigtiff(source):
            source = tiff_directory.rewrite(source)
        image, source = _open_without_odd_metadata(source, form)
        frames = _count_frames(image, form, source, limits)
    bounds.check_size(image.size, of_source)
    with damage.as_image_failed():
        few_colours = (
            gif.read_colours(source, frames) if form == "gif" else few.read_source_colours(image, source)
        )
    if form == "webp" and frames == 1:
        still_webp.release_after_first_frame(image)
    elif form == "png":
        with damage.as_image_failed():
            transparent_colour.load_transparent_colour(image, source)
    elif form == "jpeg" and header.is_lossless_jpeg(source):
        image.draft = _no_smaller_scale  # type: ignore[method-assign, assignment]
    elif form == HEIC:
        with damage.as_image_failed():
            heif_extents.check(source)
    elif form == "avif":
        _crop(image, source, frames)
    elif form == "gif":
        with damage.as_image_failed():
            gif.load_small_first_frame(image, source)
    return Opened(image, form, frames, source, few_colours, header.is_lossless_webp(source))


def _open_without_odd_metadata(source: bytes, form: str) -> tuple[ImageFile.ImageFile, bytes]:
    """Return the opened file and its bytes; without its metadata if that alone keeps it from being opened."""
    try:
        return _open(source, form), source
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise
    except damage.DECODER_ERRORS as ex:
        for stripped in () if damage.is_text_bomb(ex) else without_odd_metadata(source, form):
            try:
                return _open(stripped, form), stripped
            except damage.DECODER_ERRORS:
                continue
        raise


def _open(source: bytes, form: str) -> ImageFile.ImageFile:
    if form == "tiff":
        return tiff.open_tiff(source)
    if form == "avif":
        _limit_avif_to_one_thread()
    elif form == "png":
        png_checksums.allow_large_profiles()
    image = Image.open(BytesIO(source), formats=[SOURCE_FORMATS[form]])
    if form == "png":
        image.__class__ = png_checksums.ForgivingPng
        png_checksums.check_palette(image)
        png_checksums.check_animation(image, source)
    return image


def decode_first_frame(
    image: ImageFile.ImageFile, min_size: Size, source: bytes = b"", limits: Limits | None = None
) -> tuple[Image.Image, Box]:
    """Decode the first frame and return it with the box that it fills.

    Args:
        image: Opened. A JPEG is decoded at the smallest of its four scales that is at least `min_size`. The
            box may then end inside the last pixels, because such a scale rounds the sides up.
        min_size: Width and height, as stored, that the whole picture must have at least.
        source: The file, for damaged pixels that Pillow passes; empty: they are not looked for.
        limits: Of what is decoded; a JPEG's header may name more. None: checked already.

    Raises:
        ImageFailed: `corrupt_image`, `too_many_pixels`.
    """
    size = image.size
    with damage.as_image_failed():
        drafted = image.draft(None, min_size)
        if limits:
            bounds.check_size(image.size, limits, "would be decoded with")
        # The decoder gets the file whole rather than in slices of 64 kB: a large JPEG takes 2 % less time.
        image.decodermaxblock = max(image.decodermaxblock, len(source))
        if source:
            jpeg_scans.watch(image)
        with tiff_pixels.check_load(image, source):
            image.load()
        picture = tiff.correct_polarity(image, tiff.scale_greys(image) or normalise(image))
    if not drafted and picture.size != size:
        raise ImageFailed(f"says {size} and has {picture.size} pixels", code=Code.CORRUPT_IMAGE)
    return damage.drop_info(picture), drafted[1] if drafted else (0.0, 0.0, *picture.size)


def _crop(image: ImageFile.ImageFile, source: bytes, frames: int) -> None:
    """Cut an opened AVIF to its clean aperture, which libavif ignores; what lies outside may be private."""
    if crop := avif_crop.find(source, image.size, frames):
        with damage.as_image_failed():
            image.load()
        image.im = image.im.crop(crop)
        image._size = image.im.size


def _no_smaller_scale(mode: str | None, size: Size) -> None:
    """Decode whole, in place of Pillow's method: libjpeg scales no lossless JPEG, and fails if asked to."""


def _limit_avif_to_one_thread() -> None:
    """Decode AVIF on one thread: a core has one worker, and the child may not start threads."""
    from PIL import AvifImagePlugin

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1


def _count_frames(image: ImageFile.ImageFile, form: str, source: bytes, limits: Limits) -> int:
    """Count frames. TIFF, MPO and HEIC with several pictures are stills here: their first is used."""
    if form == "gif":
        return max(1, header.count_gif_frames(source, limits.max_frames))
    return int(getattr(image, "n_frames", 1)) - _pictures_beside(image) if form in _ANIMATED_SOURCES else 1


def _pictures_beside(image: Image.Image) -> int:
    """Return 1 if an APNG's first picture is a fallback for old viewers, not part of its animation."""
    return int(bool(getattr(image, "default_image", False)))
