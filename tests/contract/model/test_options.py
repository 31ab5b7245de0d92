import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagejobs_contract.model import options
from imagejobs_contract.model.options import (
    ChromaSubsampling,
    Fit,
    Format,
    Gravity,
    MaxSizeBy,
    NoFace,
    Variant,
    read_variant,
    variant_body,
)
from imagejobs_contract.reader import Reader

SIDES = st.none() | st.integers(1, 16_383)


@st.composite
def variants(draw) -> Variant:
    """Any variant that makes sense."""
    kind = draw(st.none() | st.sampled_from(Format))
    width, height = draw(SIDES), draw(SIDES)
    most = draw(st.none() | st.integers(options.MIN_RESULT_BYTES, options.MAX_RESULT_BYTES))
    ways = [MaxSizeBy.SCALE] * (most is not None)
    ways += [MaxSizeBy.QUALITY] * (most is None or kind is None or kind in options.LOSSY)
    ways += [MaxSizeBy.PALETTE] * (most is not None and kind in (None, Format.PNG))
    return Variant(
        name=draw(st.from_regex(options.VARIANT_NAME, fullmatch=True)), width=width, height=height,
        fit=draw(st.sampled_from(Fit) if width and height else st.sampled_from([Fit.INSIDE, Fit.OUTSIDE])),
        gravity=draw(st.sampled_from(Gravity)), enlarge=draw(st.booleans()), format=kind,
        quality=draw(st.none() | st.integers(1, 100)), max_size=most, max_size_by=draw(st.sampled_from(ways)),
        no_face=draw(st.sampled_from(NoFace)),
        background=draw(st.none() | st.from_regex("[0-9a-f]{6}", fullmatch=True)),
        keep_metadata=draw(st.booleans()), keep_copyright=draw(st.booleans()),
        lossless=draw(st.booleans()) and kind is not Format.JPEG and not (most and MaxSizeBy.QUALITY in ways),
        chroma_subsampling=draw(
            st.sampled_from(options.ChromaSubsampling)
            if kind in (None, *options.HAVE_SUBSAMPLING)
            else st.just(options.ChromaSubsampling.AUTO)
        ),
        frames=draw(st.none() | st.integers(1, 256)),
        only_if_smaller=draw(st.booleans()),
        smallest_format=draw(st.booleans()),
        placeholder=draw(st.booleans()),
    )  # fmt: skip


def read(body: dict, camel: bool = False) -> tuple[Variant, list[str]]:
    reader = Reader(body)
    return read_variant(reader, camel=camel), [fault.where for fault in reader.faults]


@given(variants())
def test_what_is_written_is_read_back(variant):
    body = variant_body(variant)
    reader = Reader(body)
    assert read_variant(reader, camel=True, name=variant.name) == variant
    assert reader.faults == []


def test_nothing_asked_is_the_default_and_is_written_as_its_name():
    assert read({}) == (Variant(), [])
    assert variant_body(Variant()) == {"name": "default"}


def test_form_fields_are_read_from_text():
    form = {
        "width": "400",
        "fit": "cover",
        "height": "300",
        "enlarge": "yes",
        "max_size": "200kB",
        "background": "#FFcc00",
        "quality": "80",
    }
    expected = Variant(
        width=400, height=300, fit=Fit.COVER, enlarge=True, max_size=200_000, background="ffcc00", quality=80
    )
    assert read(form) == (expected, [])


def test_every_option_can_be_wrong_at_once():
    body = dict.fromkeys(options.NAMES, "?")
    assert sorted(read(body)[1]) == sorted(options.NAMES)


def test_the_crds_names_are_used_when_asked():
    assert read({"maxSize": 5000, "max_size": 6000}, camel=True)[0].max_size == 5000
    assert sorted(read(dict.fromkeys(options.NAMES.values(), "?"), camel=True)[1]) == sorted(
        options.NAMES.values()
    )


@pytest.mark.parametrize("fit", [Fit.COVER, Fit.CONTAIN, Fit.FILL])
@pytest.mark.parametrize("sides", [{}, {"width": 5}, {"height": 5}], ids=str)
def test_some_fits_need_both_sides(fit, sides):
    assert read({"fit": fit.value, **sides})[1] == ["fit"]


@pytest.mark.parametrize("kind", list(Format))
def test_only_lossy_formats_have_a_quality_to_give_up(kind):
    assert read({"format": kind.value, "max_size": "5kB"})[1] == (
        [] if kind in options.LOSSY else ["max_size"]
    )


@pytest.mark.parametrize("kind", list(Format))
def test_only_a_png_has_colours_to_give_up_and_all_have_pixels(kind):
    asked = {"format": kind.value, "max_size": "5kB"}
    assert read(asked | {"max_size_by": "palette"})[1] == ([] if kind is Format.PNG else ["max_size_by"])
    assert read(asked | {"max_size_by": "scale"})[1] == []


def test_nothing_is_given_up_for_no_size():
    assert [read({"max_size_by": way.value})[1] for way in MaxSizeBy] == [
        [],
        ["max_size_by"],
        ["max_size_by"],
    ]


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("width", 1, 16_383),
        ("height", 1, 16_383),
        ("quality", 1, 100),
        ("max_size", 256, 2**25),
        ("frames", 1, 256),
    ],
)
def test_bounds_include_their_ends_and_nothing_beyond(name, low, high):
    assert [read({name: value})[1] for value in (low - 1, low, high, high + 1)] == [[name], [], [], [name]]


def test_every_option_of_a_variant_has_a_name_of_its_own():
    assert {"name", *options.NAMES} == set(Variant.__dataclass_fields__)


@pytest.mark.parametrize(
    ("kind", "content_type", "extension"),
    [(Format.JPEG, "image/jpeg", "jpg"), (Format.WEBP, "image/webp", "webp")],
)
def test_formats_know_their_type_and_extension(kind, content_type, extension):
    assert (kind.content_type, kind.extension) == (content_type, extension)


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ({"format": "jpg"}, "format", Format.JPEG), ({"format": "JPG"}, "format", Format.JPEG),
        ({"format": "tif"}, "format", Format.TIFF), ({"format": "image/webp"}, "format", Format.WEBP),
        ({"format": " PNG "}, "format", Format.PNG), ({"gravity": "centre"}, "gravity", Gravity.CENTER),
        ({"gravity": "Top-Left"}, "gravity", Gravity.NORTHWEST), ({"fit": "Outside"}, "fit", Fit.OUTSIDE),
        ({"background": "fff"}, "background", "ffffff"), ({"background": "red"}, "background", "ff0000"),
        ({"background": "transparent"}, "background", None), ({"format": ".PNG"}, "format", Format.PNG),
        ({"gravity": "north_east"}, "gravity", Gravity.NORTHEAST),
        ({"gravity": "nw"}, "gravity", Gravity.NORTHWEST),
        ({"gravity": "right bottom"}, "gravity", Gravity.SOUTHEAST),
        ({"gravity": "topleft"}, "gravity", Gravity.NORTHWEST),
        ({"chroma_subsampling": "444"}, "chroma_subsampling", ChromaSubsampling.FULL),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("camel", [False, True], ids=["form", "job"])
def test_what_clients_mean_is_understood(body, field, value, camel):
    reader = Reader(body, snake=camel)
    assert getattr(read_variant(reader, camel=camel), field) == value
    assert reader.faults == []


@pytest.mark.parametrize("body", [{"format": "jpg"}, {"background": "red"}, {"fit": "Inside"}], ids=str)
def test_an_imagejob_has_one_spelling(body):
    assert read(body, camel=True)[1] == [*body]


@pytest.mark.parametrize(
    ("body", "guess"),
    [({"format": "jpgg"}, "jpeg"), ({"fit": "covr"}, "cover"), ({"gravity": "northeastt"}, "northeast"),
     ({"background": "gren"}, "green"), ({"format": "pgn"}, "png"), ({"fit": "crop"}, "cover"),
     ({"fit": "scale_down"}, "inside"), ({"fit": "Pad"}, "contain"), ({"gravity": "smart"}, "entropy"),
     ({"keep_metadata": "copyrigth"}, "copyright"), ({"chroma_subsampling": "4:4:2"}, "4:4:4")],
    ids=str,
)  # fmt: skip
def test_a_near_miss_is_answered_with_what_was_meant(body, guess):
    reader = Reader(body)
    read_variant(reader, camel=False)
    assert f"did you mean {guess}?" in str(reader.faults[0])


@pytest.mark.parametrize(
    ("value", "kept", "rights"),
    [
        (True, True, False),
        ("true", True, False),
        ("all", True, False),
        ("ALL", True, False),
        ("copyright", False, True),
        ("none", False, False),
        ("no", False, False),
    ],
)
def test_metadata_is_kept_by_a_boolean_or_a_word(value, kept, rights):
    found, faults = read({"keep_metadata": value})
    assert (found.keep_metadata, found.keep_copyright, faults) == (kept, rights, [])


def test_the_crd_has_a_field_of_its_own_for_the_copyright():
    assert variant_body(Variant(keep_copyright=True)) == {"name": "default", "keepCopyright": True}
    assert read({"keepMetadata": "copyright"}, camel=True)[1] == ["keepMetadata"]


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"lossless": True, "format": "jpeg"}, "lossless"),
        ({"lossless": True, "max_size": 9000}, "lossless"),
        ({"chroma_subsampling": "4:4:4", "format": "webp"}, "chroma_subsampling"),
        ({"chroma_subsampling": "4:2:2"}, "chroma_subsampling"),
    ],
    ids=str,
)
def test_options_that_no_encoder_has_are_faults(body, fault):
    assert read(body)[1] == [fault]
