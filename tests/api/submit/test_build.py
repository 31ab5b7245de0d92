"""From a form to an ImageJob: pure."""

import pytest

from imagejobs_api.presets.presets_file import Preset, Presets
from imagejobs_api.submit.build import build_job
from imagejobs_api.submit.callback_url import CallbackUrls
from imagejobs_api.submit.forms import ReceivedForm, Source, batch_form, resize_form
from imagejobs_contract.errors import Invalid
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.limits import Limits
from imagejobs_contract.model.names import JobKey
from imagejobs_contract.model.options import Fit, Format, Variant
from imagejobs_contract.model.spec import output_collisions
from imagejobs_contract.outbound.guard import AddressGuard
from imagejobs_contract.reader import Reader

KEY = JobKey("default", "j1")
LIMITS = Limits(job_seconds=90.5)
THUMB, WEB = Variant("thumb", width=200, height=200, fit=Fit.COVER), Variant("web", width=1200)
PRESETS = Presets({"shop": Preset("shop", (THUMB, WEB))})


def received(*file_names: str, **options: str) -> ReceivedForm:
    return ReceivedForm([Source(name, f"uploads/j1/{n}") for n, name in enumerate(file_names)], dict(options))


def build(form: ReceivedForm, accept: str | None = None) -> ImageJob:
    return build_job(
        KEY,
        form,
        batch_form(LIMITS) if len(form.sources) > 1 else resize_form(LIMITS),
        accept,
        LIMITS,
        CallbackUrls(AddressGuard(), signed=True),
        PRESETS,
    )


@pytest.mark.parametrize(
    "file_names",
    [
        ["a.jpg", "a.png"],
        ["a.jpg", "A.jpg", "a-2.jpg"],
        ["1.jpg", "写真.jpg"],
        ["", "", "1"],
        ["写真.jpg"] * 4 + ["3.jpg"],
        ["..", "/", "0"],
    ],
)
def test_results_never_overwrite_each_other(file_names):
    job = build(received(*file_names))
    assert output_collisions([item.name for item in job.spec.items]) == []
    assert ImageJob.from_body(job.to_body()).spec == job.spec


def test_a_job_has_the_limits_of_the_service():
    assert build(received("a.jpg")).spec.active_deadline_seconds == 91


def test_the_option_name_goes_before_the_files_own():
    assert build(received("a.jpg", name="hero\n.png")).spec.items[0].name == "hero.png"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("image/webp", (Format.WEBP, True)),
        ("image/avif,image/webp", (Format.AVIF, True)),
        ("image/avif;q=0.1,image/webp", (Format.WEBP, True)),
        ("image/avif", (Format.AVIF, False)),
        ("*/*", (None, False)),
        (None, (None, False)),
    ],
)
def test_format_auto_means_the_smallest_of_what_accept_names(accept, expected):
    variant = build(received("a.jpg", format="auto"), accept).spec.variants[0]
    assert (variant.format, variant.smallest_format) == expected


def test_a_caller_with_secrets_of_its_own_may_name_a_callback_where_there_is_none_for_all(tmp_path):
    (tmp_path / "shop").touch()
    callbacks = CallbackUrls(AddressGuard(), signed=False, folder=tmp_path)

    def faults(caller: str) -> list[str]:
        reader = Reader({"callback": "https://hooks.example.org/"})
        callbacks.for_caller(caller).read(reader)
        return [str(fault) for fault in reader.faults]

    assert faults("shop") == []
    assert (
        faults("blog")
        == faults("")
        == ["callback: cannot be delivered: this server has no secret to sign it with"]
    )


def test_variants_of_a_form_become_the_jobs_variants():
    text = '[{"name": "thumb", "width": 200, "height": 200, "fit": "cover"}, {"name": "web", "width": 1200}]'
    assert build(received("a.jpg", variants=text)).spec.variants == (THUMB, WEB)


def test_a_preset_stands_for_its_variants():
    assert build(received("a.jpg", preset="shop")).spec.variants == (THUMB, WEB)


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ({"variants": "[]"}, ["variants"]),
        ({"variants": "thumb"}, ["variants"]),
        ({"variants": '{"name": "thumb"}'}, ["variants"]),
        ({"variants": "[" * 20_000}, ["variants"]),
        ({"variants": "[" + "{}," * 16 + "{}]"}, ["variants"]),
        ({"variants": '[{"width": 0, "colour": 1}]'}, ["variants[0].colour", "variants[0].width"]),
        ({"variants": '[{"name": "a"}, {"name": "a"}]'}, ["variants[1].name"]),
        ({"variants": '[{"format": "auto"}]'}, ["variants[0].format"]),
        ({"variants": "[{}]", "width": "200"}, ["width"]),
        ({"variants": "[{}]", "format": "auto"}, ["format"]),
        ({"preset": "shop", "quality": "80", "fit": "cover"}, ["quality", "fit"]),
        ({"preset": "shop", "variants": "[{}]"}, ["preset"]),
        ({"preset": "absent"}, ["preset"]),
    ],
    ids=str,
)
def test_variants_that_cannot_be_made_are_refused_by_their_fields(options, fields):
    with pytest.raises(Invalid) as caught:
        build(received("a.jpg", **options))
    assert [fault.where for fault in caught.value.faults] == fields
