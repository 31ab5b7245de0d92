"""Says when something that a stamp names was, on the clock of this process that only counts (pure).

A stamp is what a calendar showed: the API server's, this machine's, that of the operator before. Calendars
are set and jump; stamps are for people and for the next process. What is measured is measured on a clock
that nobody sets: the first sight of a stamp fixes its moment there, and no later jump moves it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from imagejobs_contract.model.imagejob import ImageJob
from imagejobs_contract.model.status import CallbackState, Status


class Phase(StrEnum):
    """What a stamp of a job, or of its Job, says the beginning or end of."""

    QUEUED = "Queued"
    STARTED = "Started"
    COMPLETED = "Completed"
    CALLBACK_DUE = "CallbackDue"
    CALLBACK_NEXT = "CallbackNext"
    JOB_CREATED = "JobCreated"
    JOB_DELETED = "JobDeleted"


OF_JOB = frozenset({Phase.JOB_CREATED, Phase.JOB_DELETED})
"""Phases whose stamps are on the Job; the others' are in the status."""
Stamps = Mapping[Phase, datetime | None]
Moments = Mapping[Phase, tuple[datetime, datetime]]
"""Phase -> its stamp in whole seconds, as a status keeps it, and its moment."""
NO_LEAD = timedelta()


def stamps_of(status: Status) -> Stamps:
    """Return the stamps of a status from which something is measured."""
    if not status.state.final:
        return {Phase.QUEUED: status.queued, Phase.STARTED: status.started}
    ended: Stamps = {Phase.COMPLETED: status.completed}
    callback = status.callback
    if callback is None or callback.state is not CallbackState.PENDING:
        return ended
    return {**ended, Phase.CALLBACK_DUE: callback.since, Phase.CALLBACK_NEXT: callback.next}


def learn(known: Moments, stamps: Stamps, now: datetime, lead: timedelta) -> Moments:
    """Return the moments of these stamps; a stamp that is known keeps its moment.

    Args:
        known: What was learnt before.
        stamps: As they are now.
        now: On the clock that only counts.
        lead: How far the calendar is ahead of that clock.
    """
    return {
        phase: (_in_seconds(stamp), find(known, phase, stamp, now, lead))
        for phase, stamp in stamps.items()
        if stamp is not None
    }


def find(known: Moments, phase: Phase, stamp: datetime, now: datetime, lead: timedelta) -> datetime:
    """Return the moment of a stamp; of one that was never seen, by the calendar as it is now."""
    stamp, seen = _in_seconds(stamp), known.get(phase)
    if seen is not None and seen[0] == stamp:
        return seen[1]
    moment = stamp - lead
    # What has happened was not later than now, whatever the clock that stamped it showed.
    return moment if phase is Phase.CALLBACK_NEXT else min(moment, now)


def stamp(job: ImageJob, moment: datetime, lead: timedelta) -> datetime:
    """Return the calendar's time of a moment; never before the job was created, by whatever clock."""
    shown = moment + lead
    return max(shown, job.created) if job.created else shown


def _in_seconds(stamp: datetime) -> datetime:
    return stamp.replace(microsecond=0)
