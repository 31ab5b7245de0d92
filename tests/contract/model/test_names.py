import re

import pytest

from imagejobs_contract.model import names
from imagejobs_contract.model.names import JobKey


def test_job_ids_are_names_sort_by_time_and_do_not_repeat():
    ids = [names.new_job_id(1_700_000_000 + n) for n in range(50)]
    assert ids == sorted(ids)
    assert all(re.fullmatch(names.NAME_PATTERN, each) and len(each) == 20 and "-" not in each for each in ids)
    assert len({names.new_job_id(5) for _ in range(200)}) == 200


def test_job_ids_sort_until_2039():
    assert names.new_job_id(1_800_000_000) < names.new_job_id(2_190_000_000)


@pytest.mark.parametrize("index", [0, 9, 10, 999_999])
def test_a_sub_jobs_id_is_split_into_what_it_was_made_of(index):
    assert names.split_sub_job(names.sub_job_id("my-job", index)) == ("my-job", index)


@pytest.mark.parametrize(
    "identifier", ["job", "job-", "job-01", "job-x", "-1", "job-12345678", "job-１", "job-1\n"], ids=repr
)
def test_other_ids_are_no_sub_jobs(identifier):
    assert names.split_sub_job(identifier) is None


def test_a_childs_name_and_its_pods_fit_a_label():
    name = names.child_job_name("n" * names.MAX_NAME_LENGTH, "0123abcd-4567-89ab-cdef-0123456789ab", 99)
    assert name.endswith("-0123abcd-99")
    assert len(f"{name}-199") <= 63


def test_jobs_of_one_name_and_different_uids_have_different_children():
    children = {
        names.child_job_name("a", uid, attempt) for uid in ("11111111-x", "22222222-x") for attempt in (1, 2)
    }
    assert len(children) == 4


def test_a_key_reads_as_people_write_it():
    assert str(JobKey("default", "holiday")) == "default/holiday"
