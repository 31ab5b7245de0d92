"""Tickets: what one names, and that nobody else can make one."""

import base64
from itertools import product

import pytest

from imagejobs_api.http.errors import Problem
from imagejobs_api.view.watch_tickets import WatchTickets
from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.items import Item
from imagejobs_contract.model.names import JobKey, Uid
from imagejobs_contract.model.spec import Spec

SECRET = "s" * 32


def job(name: str = "j1", uid: str = "u1") -> ImageJob:
    return ImageJob(JobKey("pictures", name), Spec(items=(Item(key="a", name="a"),)), uid=Uid(uid))


def test_a_ticket_names_its_job_and_its_end():
    tickets = WatchTickets([SECRET], 60, lambda: 1000.5)
    ticket = tickets.read(tickets.issue(job()) or "")
    assert (ticket.key, ticket.expires) == (JobKey("pictures", "j1"), 1060)
    assert ticket.fits(job())
    assert not ticket.fits(job(uid="u2"))


def test_a_ticket_has_a_length_of_its_own_for_the_longest_names():
    long = ImageJob(JobKey("n" * 63, "j" * 63), Spec(items=(Item(key="a", name="a"),)), uid=Uid("u"))
    tickets = WatchTickets([SECRET], 60)
    assert tickets.read(tickets.issue(long) or "").key == long.key


def test_no_changed_byte_is_accepted():
    tickets = WatchTickets([SECRET], 60)
    whole = tickets.issue(job()) or ""
    data = base64.urlsafe_b64decode(whole + "=" * (-len(whole) % 4))
    for place, bit in product(range(len(data)), (1, 128)):
        changed = data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]
        with pytest.raises(Problem):
            tickets.read(base64.urlsafe_b64encode(changed).decode().rstrip("="))


@pytest.mark.parametrize("text", ["", "A", "A" * 22, "..", "é", "A" * 4000])
def test_what_is_no_ticket_is_refused(text):
    with pytest.raises(Problem) as refused:
        WatchTickets([SECRET], 60).read(text)
    assert refused.value.code == "not_found"


def test_a_ticket_expires():
    now = [1000.0]
    tickets = WatchTickets([SECRET], 60, lambda: now[0])
    text = tickets.issue(job()) or ""
    now[0] = 1060.0
    with pytest.raises(Problem) as refused:
        tickets.read(text)
    assert refused.value.code == "link_expired"


def test_without_a_secret_nothing_is_issued_or_read():
    assert WatchTickets([], 60).issue(job()) is None
    with pytest.raises(Problem):
        WatchTickets([], 60).read(WatchTickets([SECRET], 60).issue(job()) or "")
