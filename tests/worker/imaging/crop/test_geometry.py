import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagejobs_contract.model.options import Fit, Gravity, Variant
from imagejobs_worker.imaging.crop.geometry import fit

sides = st.integers(1, 16_383)
sizes = st.tuples(sides, sides)
gravities = st.sampled_from(Gravity)


@pytest.mark.parametrize(
    ("source", "options", "size"),
    [
        ((2725, 2225), {"width": 720}, (720, 588)),
        ((6000, 4000), {"width": 400}, (400, 267)),
        ((6000, 4000), {"height": 400}, (600, 400)),
        ((6000, 4000), {"width": 400, "height": 400}, (400, 267)),
        ((4000, 6000), {"width": 400, "height": 400}, (267, 400)),
        ((300, 200), {"width": 600}, (300, 200)),
        ((300, 200), {"width": 600, "enlarge": True}, (600, 400)),
        ((300, 200), {}, (300, 200)),
        ((10_000, 1), {"width": 10}, (10, 1)),
        ((600, 400), {"fit": Fit.OUTSIDE, "width": 300, "height": 300}, (450, 300)),
        ((600, 400), {"fit": Fit.OUTSIDE, "width": 300}, (300, 200)),
        ((600, 400), {"fit": Fit.OUTSIDE, "width": 900, "height": 10}, (600, 400)),
        ((600, 400), {"fit": Fit.OUTSIDE, "width": 900, "height": 10, "enlarge": True}, (900, 600)),
        ((600, 400), {"fit": Fit.COVER, "width": 100, "height": 100}, (100, 100)),
        ((300, 500), {"fit": Fit.COVER, "width": 400, "height": 400}, (300, 300)),
        ((300, 500), {"fit": Fit.COVER, "width": 400, "height": 400, "enlarge": True}, (400, 400)),
        ((300, 500), {"fit": Fit.COVER, "width": 800, "height": 400}, (300, 150)),
        ((600, 400), {"fit": Fit.FILL, "width": 100, "height": 300}, (100, 300)),
        ((600, 400), {"fit": Fit.FILL, "width": 900, "height": 300}, (600, 300)),
        ((600, 400), {"fit": Fit.FILL, "width": 900, "height": 900, "enlarge": True}, (900, 900)),
        ((600, 400), {"fit": Fit.CONTAIN, "width": 300, "height": 300}, (300, 200)),
        ((60, 40), {"fit": Fit.CONTAIN, "width": 300, "height": 300}, (60, 40)),
        ((60, 40), {"fit": Fit.CONTAIN, "width": 300, "height": 300, "enlarge": True}, (300, 200)),
    ],
)
def test_sizes_are_as_expected(source, options, size):
    assert fit(source, Variant(**options)).size == size


@pytest.mark.parametrize(
    ("gravity", "left", "top"),
    [
        (Gravity.CENTER, 100, 0),
        (Gravity.NORTH, 100, 0),
        (Gravity.EAST, 200, 0),
        (Gravity.SOUTHWEST, 0, 0),
        (Gravity.NORTHEAST, 200, 0),
    ],
)
def test_cover_keeps_the_part_that_gravity_names(gravity, left, top):
    shape = fit((600, 400), Variant(width=100, height=100, fit=Fit.COVER, gravity=gravity))
    assert shape.crop == (left, top, left + 400, top + 400)


def test_a_tall_picture_keeps_its_foot_when_gravity_is_south():
    shape = fit((400, 600), Variant(width=100, height=100, fit=Fit.COVER, gravity=Gravity.SOUTH))
    assert shape.crop == (0, 200, 400, 600)


def test_contain_puts_the_picture_where_gravity_names():
    shape = fit((600, 400), Variant(width=300, height=300, fit=Fit.CONTAIN, gravity=Gravity.SOUTHEAST))
    assert (shape.canvas, shape.size, shape.offset) == ((300, 300), (300, 200), (0, 100))


def test_the_odd_pixel_of_contain_goes_to_the_right_and_below():
    for more in range(12):
        for size, side in (((10 + more, 10), 0), ((10, 10 + more), 1)):
            shape = fit((10, 10), Variant(width=size[0], height=size[1], fit=Fit.CONTAIN))
            assert (shape.size, shape.offset[side]) == ((10, 10), more // 2)


@given(sizes, sides, sides, st.booleans())
def test_inside_never_leaves_the_box_and_keeps_the_ratio(source, width, height, enlarge):
    shape = fit(source, Variant(width=width, height=height, enlarge=enlarge))
    assert shape.size[0] <= width
    assert shape.size[1] <= height
    assert enlarge or (shape.size[0] <= source[0] and shape.size[1] <= source[1])
    assert_ratio(shape.size, source)


@given(sizes, sides, sides)
def test_outside_with_enlarge_covers_the_box(source, width, height):
    shape = fit(source, Variant(width=width, height=height, fit=Fit.OUTSIDE, enlarge=True))
    assert shape.size[0] >= width
    assert shape.size[1] >= height


@given(sizes, sides, sides, gravities, st.booleans(), st.sampled_from(Fit))
def test_boxes_lie_in_the_source_and_results_on_their_canvas(source, width, height, gravity, enlarge, how):
    shape = fit(source, Variant(width=width, height=height, fit=how, gravity=gravity, enlarge=enlarge))
    left, top, right, bottom = shape.crop
    assert 0 <= left < right <= source[0] + 1e-6
    assert 0 <= top < bottom <= source[1] + 1e-6
    assert min(shape.size) >= 1
    assert all(
        at >= 0 and at + side <= whole
        for at, side, whole in zip(shape.offset, shape.size, shape.canvas, strict=True)
    )


@given(sizes, sides, sides, gravities, st.sampled_from(Fit))
def test_without_enlarge_no_pixel_grows(source, width, height, gravity, how):
    shape = fit(source, Variant(width=width, height=height, fit=how, gravity=gravity))
    assert shape.size[0] <= max(1, round(shape.crop[2] - shape.crop[0]))
    assert shape.size[1] <= max(1, round(shape.crop[3] - shape.crop[1]))


@given(sizes, sides, sides)
def test_cover_with_enlarge_is_exactly_the_box_and_undistorted(source, width, height):
    shape = fit(source, Variant(width=width, height=height, fit=Fit.COVER, enlarge=True))
    left, top, right, bottom = shape.crop
    assert shape.size == shape.canvas == (width, height)
    assert (right - left) / (bottom - top) == pytest.approx(width / height, rel=1e-6)
    assert right - left == pytest.approx(source[0]) or bottom - top == pytest.approx(source[1])


@given(sizes, sides, sides, st.booleans())
def test_contain_is_exactly_the_box(source, width, height, enlarge):
    assert fit(source, Variant(width=width, height=height, fit=Fit.CONTAIN, enlarge=enlarge)).canvas == (
        width,
        height,
    )


def assert_ratio(size, source):
    """One scale explains both sides, within half a pixel of rounding and the minimum of one pixel."""
    least = max((side - 0.5) / whole if side > 1 else 0.0 for side, whole in zip(size, source, strict=True))
    most = min((side + 0.5) / whole for side, whole in zip(size, source, strict=True))
    assert least <= most
