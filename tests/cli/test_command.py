import subprocess
import sys

LIGHT = """
import sys
sys.argv = ["imagejobs", "--version"]
from imagejobs.__main__ import main
try:
    main()
finally:
    heavy = {"asyncio", "rich", "sqlite3", "imagejobs_contract"} & set(sys.modules)
    assert not heavy, heavy
"""


def imagejobs(*arguments, **variables):
    return subprocess.run(
        [sys.executable, "-m", "imagejobs", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        **variables,
    )


def test_the_version_is_printed_without_heavy_imports():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, timeout=30)
    assert done.stdout == "imagejobs 0.1.0\n", done.stderr


def test_the_help_lists_the_commands():
    assert "Run everything on this machine" in imagejobs("--help").stdout


def test_an_unknown_command_is_a_usage_error():
    assert imagejobs("fly").returncode == 2


def test_what_cannot_run_is_one_sentence_and_exit_code_1(tmp_path):
    (tmp_path / "file").write_text("")
    done = imagejobs("local", "--data", tmp_path / "file")
    assert done.returncode == 1
    assert done.stderr.startswith("Error: The data directory")
    assert "Traceback" not in done.stderr


def test_an_ephemeral_run_has_a_folder_of_its_own(tmp_path):
    done = imagejobs("local", "--ephemeral", "--data", tmp_path)
    assert done.returncode == 2
    assert "leave out --data" in done.stderr
