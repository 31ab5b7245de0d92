"""What a file of callers may say, and which key is whose."""

import json

import pytest

from imagejobs_api.callers import api_keys, keyring
from imagejobs_api.callers.__main__ import main
from imagejobs_contract.errors import Invalid

FIELDS = ("x", "requests_per_minute", "bytes_in_flight")
KEY, OTHER = api_keys.new_key(), api_keys.new_key()


def text(*callers) -> str:
    return json.dumps({"callers": callers})


def shop(**more) -> dict:
    return {"name": "shop", "keys": [{"sha256": api_keys.digest(KEY)}]} | more


def faults(written: str) -> list[str]:
    with pytest.raises(Invalid) as caught:
        keyring.read(written, "jobs")
    return [fault.where for fault in caught.value.faults]


def test_a_key_leads_to_its_caller_and_no_other_key_does():
    read = keyring.read(
        text(
            shop(),
            {
                "name": "blog",
                "namespace": "blogs",
                "keys": [{"sha256": api_keys.digest(OTHER), "read_only": True}],
            },
        ),
        "jobs",
    )
    shopkeeper, blogger = read.find(KEY), read.find(OTHER)
    assert (shopkeeper.name, shopkeeper.namespace, shopkeeper.may_write) == ("shop", "jobs", True)
    assert (blogger.name, blogger.namespace, blogger.may_write) == ("blog", "blogs", False)
    for wrong in ("", KEY[:-1], KEY + "x", api_keys.digest(KEY), api_keys.new_key()):
        assert read.find(wrong) is None


def test_a_caller_may_have_several_keys_with_names():
    read = keyring.read(
        text(
            shop(
                keys=[
                    {"sha256": api_keys.digest(each), "name": name}
                    for each, name in ((KEY, "old"), (OTHER, "new"))
                ]
            )
        ),
        "jobs",
    )
    assert [(read.find(each).name, read.find(each).key_name) for each in (KEY, OTHER)] == [
        ("shop", "old"),
        ("shop", "new"),
    ]


def test_a_caller_may_have_limits_of_its_own():
    read = keyring.read(
        text(
            shop(
                limits={
                    "requests_per_minute": 60,
                    "bytes_in_flight": "64MiB",
                    "queued_images": 5,
                    "pool_images": 4,
                }
            )
        ),
        "jobs",
    )
    limits = read.find(KEY).limits
    assert limits.pool_images == 4
    assert (limits.requests_per_minute, limits.bytes_in_flight, limits.queued_images) == (60, 64 * 2**20, 5)


@pytest.mark.parametrize(("given", "may"), [({}, False), ({"kubectl_jobs": True}, True)], ids=["no", "yes"])
def test_jobs_of_kubectl_are_closed_unless_they_are_given(given, may):
    assert keyring.read(text(shop(**given)), "jobs").find(KEY).kubectl_jobs is may


def test_yaml_says_the_same_as_json():
    read = keyring.read(
        "callers:\n  - name: shop\n    keys:\n"
        f"      - sha256: {api_keys.digest(KEY)}\n        read_only: yes\n",
        "jobs",
    )
    assert (read.find(KEY).name, read.find(KEY).may_write) == ("shop", False)


@pytest.mark.parametrize(
    ("written", "where"),
    [
        ("", ["file"]),
        ("- a", ["file"]),
        ("a: [", ["line 1"]),
        ("{}", ["callers"]),
        ("callers: shop", ["callers"]),
        ("callers: [shop]", ["callers[0]"]),
        (text(shop(), shop()), ["callers[1].name", "callers[1].keys[0].sha256"]),
        (text(shop(name="Shop")), ["callers[0].name"]),
        (text(shop(name="s" * 64)), ["callers[0].name"]),
        (text(shop(namespace="a/b")), ["callers[0].namespace"]),
        (text({"keys": []}), ["callers[0].name"]),
        (text({"name": "shop"}), ["callers[0].keys"]),
        (text(shop(kubectl_jobs="perhaps")), ["callers[0].kubectl_jobs"]),
        (text(shop(keys=[{}])), ["callers[0].keys[0].sha256"]),
        (text(shop(keys=[{"sha256": "abc", "read_only": "perhaps"}])),
         [f"callers[0].keys[0].{each}" for each in ("sha256", "read_only")]),
        (text(shop(keys=[{"sha256": "0" * 64, "secret": 1}])), ["callers[0].keys[0].secret"]),
        (text(shop(keys=[{"sha256": str(n)} for n in range(21)])), ["callers[0].keys"]),
        (text(shop(limits={"requests_per_minute": 0, "bytes_in_flight": "much", "x": 1})),
         [f"callers[0].limits.{each}" for each in FIELDS]),
        (text(shop(limit=5)), ["callers[0].limit"]),
    ],
)  # fmt: skip
def test_all_faults_are_told_at_once(written, where):
    assert faults(written) == where


def test_a_key_that_stands_where_its_hash_belongs_is_not_repeated():
    with pytest.raises(Invalid) as caught:
        keyring.read(text(shop(keys=[{"sha256": KEY}])), "jobs")
    assert KEY not in str(caught.value)


def test_a_bomb_of_yaml_is_a_fault():
    for written in ("a: &a [" + "[" * 5000, "[" * 100_000):
        assert len(faults(written)) == 1


def test_new_makes_a_key_and_the_entry_that_lets_it_in(capsys, tmp_path):
    assert main(["new", "shop", "--read-only"]) == 0
    printed = capsys.readouterr().out
    key = next(line for line in printed.splitlines() if line.startswith("ijk_"))
    assert len(key) == 47
    file = tmp_path / "callers.yaml"
    file.write_text("callers:\n" + printed[printed.index("- name") :])
    assert main(["check", str(file)]) == 0
    caller = keyring.read(file.read_text(), "jobs").find(key)
    assert (caller.name, caller.may_write) == ("shop", False)


def test_check_names_every_fault(capsys, tmp_path):
    (tmp_path / "callers.json").write_text(text(shop(name="A"), {"name": "b"}))
    assert main(["check", str(tmp_path / "callers.json")]) == 1
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [
        "callers[0].name",
        "callers[1].keys",
    ]
