import os
import subprocess
import sys
from pathlib import Path

from imagejobs.local import handoff_folder
from imagejobs.local.data_dir import Credentials
from imagejobs.local.environment import Addresses, program_environment

ADDRESSES = Addresses("127.0.0.1", 8081, "redis://127.0.0.1:16379/0", "http://127.0.0.1:8333")
OURS = Credentials("id", "secret")


def test_the_programs_learn_where_everything_is():
    environ = program_environment({}, ADDRESSES, Path("/data/jobs.db"), OURS)
    assert environ["LISTEN"] == "127.0.0.1:8081"
    assert environ["JOB_STORE"] == "sqlite:/data/jobs.db"
    assert environ["REDIS_URL"] == ADDRESSES.redis_url
    assert environ["S3_ENDPOINT"] == ADDRESSES.s3_endpoint
    assert (environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]) == ("id", "secret")


def test_settings_of_the_person_reach_the_programs():
    assert program_environment({"MAX_PIXELS": "1000"}, ADDRESSES, Path("/j"), OURS)["MAX_PIXELS"] == "1000"


def test_an_aws_account_of_the_person_does_not_mix_with_the_s3_started_here():
    environ = program_environment({"AWS_SESSION_TOKEN": "t", "AWS_PROFILE": "p"}, ADDRESSES, Path("/j"), OURS)
    assert "AWS_SESSION_TOKEN" not in environ
    assert "AWS_PROFILE" not in environ


def test_a_foreign_s3_keeps_the_credentials_and_the_bucket_of_the_person():
    own = {"AWS_ACCESS_KEY_ID": "mine", "S3_BUCKET": "photos", "AWS_SESSION_TOKEN": "t"}
    environ = program_environment(own, ADDRESSES, Path("/j"), None)
    assert environ.items() >= own.items()


def test_a_proxy_of_the_network_is_not_asked_for_what_is_on_this_machine():
    environ = program_environment(
        {"HTTP_PROXY": "http://proxy", "no_proxy": "intra"}, ADDRESSES, Path("/j"), OURS
    )
    assert environ["no_proxy"] == environ["NO_PROXY"] == "intra,127.0.0.1,localhost"


def test_a_wildcard_address_is_shown_as_one_that_can_be_called():
    assert Addresses("0.0.0.0", 80, "", "").url == "http://127.0.0.1:80"
    assert Addresses("[::]", 80, "", "").url == "http://[::1]:80"
    assert Addresses("192.0.2.1", 80, "", "").url == "http://192.0.2.1:80"


def test_uploads_are_handed_over_in_memory_unless_the_person_says_where():
    assert (
        program_environment({}, ADDRESSES, Path("/j"), OURS, Path("/memory/imagejobs"))["HANDOFF_DIR"]
        == "/memory/imagejobs"
    )
    assert (
        program_environment({"HANDOFF_DIR": "/mine"}, ADDRESSES, Path("/j"), OURS, None)["HANDOFF_DIR"]
        == "/mine"
    )
    assert "HANDOFF_DIR" not in program_environment({}, ADDRESSES, Path("/j"), OURS, None)


def test_each_data_directory_has_a_folder_in_memory_of_its_own():
    assert handoff_folder.folder(Path("/a")) == handoff_folder.folder(Path("/a"))
    assert handoff_folder.folder(Path("/a")) != handoff_folder.folder(Path("/b"))


def test_where_there_is_no_memory_to_share_nothing_is_handed_over(monkeypatch, tmp_path):
    monkeypatch.setattr(handoff_folder, "MEMORY", tmp_path / "none")
    assert handoff_folder.folder(Path("/a")) is None


def test_a_module_in_the_folder_of_the_data_is_not_imported(tmp_path: Path):
    (tmp_path / "redis.py").write_text("raise SystemExit('hijacked')")
    environ = program_environment(dict(os.environ), ADDRESSES, tmp_path / "jobs.db", OURS)
    for safe in (True, False):
        given = environ if safe else {**environ, "PYTHONSAFEPATH": ""}
        command = [sys.executable, "-m", "imagejobs_contract.redis.client"]
        found = subprocess.run(command, cwd=tmp_path, env=given, capture_output=True, text=True, check=False)
        assert ("hijacked" in found.stderr) is not safe


def test_heic_is_read_unless_the_person_says_no_or_takes_the_cage_away():
    def setting(**given: str) -> str:
        return program_environment(given, ADDRESSES, Path("/j"), OURS)["READ_HEIC"]

    assert setting() == "true"
    assert setting(READ_HEIC="false") == "false"
    assert setting(CAGE="off") == "false"
