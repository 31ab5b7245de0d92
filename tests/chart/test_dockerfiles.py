"""The three members' Dockerfiles share most of their lines, because docker has no include."""

from support.cluster.chart_render import CHART

ROOT = CHART.parents[1]
MEMBERS = ("api", "operator", "worker")


def parts(member):
    """Return the lines before a member's own packages, and those between its labels and its settings."""
    text = (
        (ROOT / member / "Dockerfile")
        .read_text()
        .replace(f"imagejobs-{member}", "imagejobs-MEMBER")
        .replace(f"COPY {member} {member}", "COPY MEMBER")
    )
    before = text[: text.index("COPY MEMBER")].replace(f"{member}/Dockerfile", "MEMBER/Dockerfile")
    after = text[text.index("# The official image") : text.index("WORKDIR /tmp")]
    return before, after


def test_what_the_dockerfiles_share_is_the_same_to_the_letter():
    assert len({parts(member) for member in MEMBERS}) == 1


def test_each_compares_what_it_installs_with_the_locked_hashes():
    for member in MEMBERS:
        text = (ROOT / member / "Dockerfile").read_text()
        assert "--verify-hashes" in text
        assert (
            "--constraint requirements.lock --build-constraint requirements.lock" in text
            or "--override overrides.txt --build-constraint" in text
        )


def test_none_imports_from_the_working_directory_which_can_be_written():
    for member in MEMBERS:
        assert "PYTHONSAFEPATH=1" in (ROOT / member / "Dockerfile").read_text()
