"""A source's own name counts where its URL names no picture, and nobody chose a name."""

import pytest

from imagejobs_contract.model.items import Item
from imagejobs_worker.image import source_names

SITE = "https://images.example/"


def item(name, url=SITE + "cd1"):
    return Item(name, None, url)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="from header.jpg"', "from header.jpg"),
        ("inline; filename=a.png", "a.png"),
        ("inline; FileName = a.png", "a.png"),
        ("attachment; filename*=UTF-8''na%C3%AFve%20file.jpg; filename=x.jpg", "naïve file.jpg"),
        ("attachment; filename=x.jpg; filename*=UTF-8''b%20c.jpg", "b c.jpg"),
        ("attachment; filename=x.jpg; filename*=none-such''b.jpg", "x.jpg"),
        ('attachment; filename="größe.jpg"', "größe.jpg"),
        ('attachment; filename="a\\"b;c.jpg"', 'a"b;c.jpg'),
        ('attachment; filename="../../etc/photo.jpg"', "photo.jpg"),
        ('attachment; filename="C:\\\\photos\\\\a.jpg"', "a.jpg"),
        ("attachment; filename=\u202egpj.exe", "gpj.exe"),
        ("attachment; filename*=UTF-8''a%0d%0ab.jpg", "ab.jpg"),
        ("attachment", "cd1"),
        ("attachment; filename=", "cd1"),
        (";;;=;filename", "cd1"),
        ("", "cd1"),
    ],
)
def test_the_header_tells_a_name(header, name):
    assert source_names.choose(item("cd1"), header) == name


def test_a_long_header_costs_little_and_tells_what_its_beginning_does():
    assert source_names.choose(item("cd1"), "inline; filename=a.png" + '; "' * 20_000) == "a.png"
    assert source_names.choose(item("cd1"), f"inline; filename={'x' * 1500}.png") == "x" * 196 + ".png"


@pytest.mark.parametrize(
    "of",
    [
        item("hero.jpg"),
        item("hero"),
        item("photo.jpg", SITE + "photo.jpg"),
        item("foto.png", SITE + "download.php?file=foto.png"),
        Item("cd1", "photos/cd1"),
    ],
    ids=["chosen", "chosen without an extension", "the path's", "the query's", "a key"],
)
def test_another_name_stays(of):
    assert source_names.choose(of, "attachment; filename=other.gif") == of.name


def test_a_url_without_a_name_takes_the_sources():
    assert source_names.choose(item("", SITE), "inline; filename=a.png") == "a.png"
