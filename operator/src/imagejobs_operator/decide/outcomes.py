"""Outcomes -> what a status says of them (pure). Counted from facts by index, never by increment."""

from collections.abc import Mapping
from itertools import chain

from imagejobs_contract.codes import Code
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.outcome import Outcome, latest_by_image
from imagejobs_contract.model.status import summarise_failures
from imagejobs_operator.decide.observed import Case, Results


def settled(case: Case) -> dict[int, Outcome]:
    """Return the outcomes that stand in the attempt, by index: its own, and successes of any attempt."""
    stored = case.seen.results.outcomes.values() if case.seen.results else ()
    every = chain(case.status.outcomes, stored, case.seen.outcomes.values())
    ours = (each for each in every if 0 <= each.index < case.job.spec.total)
    return latest_by_image(ours, case.status.attempt)


def results_of(total: int, outcomes: Mapping[int, Outcome], active: int = 0) -> Results:
    """Return what these outcomes come to."""
    values = outcomes.values()
    succeeded = sum(outcome.succeeded for outcome in values)
    failures, codes = summarise_failures(values)
    return Results(
        counts=Counts(total, min(active, total - len(outcomes)), succeeded, len(outcomes) - succeeded),
        failures=failures,
        failure_codes=codes,
        bytes_in=sum(outcome.bytes_in for outcome in values),
        bytes_out=sum(outcome.bytes_out for outcome in values),
        outcomes=outcomes,
    )


def with_failures(
    case: Case, outcomes: Mapping[int, Outcome], code: Code, message: str
) -> dict[int, Outcome]:
    """Return the outcomes with a failed one for each image that has none."""
    absent = (index for index in range(case.job.spec.total) if index not in outcomes)
    return dict(outcomes) | {
        index: Outcome(index, case.job.item_name(index), case.status.attempt, code, message)
        for index in absent
    }


def without_lines(case: Case, code: Code) -> Results:
    """Return the results of a job that no runner could begin, of whose images only the number is known."""
    total, succeeded = case.job.spec.total, case.status.counts.succeeded
    return Results(
        Counts(total, 0, succeeded, total - succeeded), prepared=False, failure_codes=(code.value,)
    )


def grown(before: Counts, now: Counts) -> Counts:
    """Return live counts that never go back within an attempt, even when the board lost a part of them."""
    succeeded = min(now.total, max(before.succeeded, now.succeeded))
    failed = min(now.total - succeeded, max(before.failed, now.failed))
    return Counts(now.total, min(now.active, now.total - succeeded - failed), succeeded, failed)
