"""Sums outcomes up for a status (pure). Counts come from the outcomes by index, never from increments."""

from collections.abc import Mapping
from itertools import chain

from imagejobs_contract.codes import Code
from imagejobs_contract.model.counts import Counts
from imagejobs_contract.model.outcome import Outcome, latest_by_image
from imagejobs_contract.model.receipt import sum_up
from imagejobs_contract.model.status import summarise_failures
from imagejobs_operator.decide.observed import Results
from imagejobs_operator.decide.plan_input import PlanInput


def find_current(given: PlanInput) -> dict[int, Outcome]:
    """Return the outcomes that count in the attempt, by index: its own, and those that stay from before."""
    stored = given.seen.results.outcomes.values() if given.seen.results else ()
    every = chain(given.status.outcomes, stored, given.seen.outcomes.values())
    ours = (each for each in every if 0 <= each.index < given.job.spec.total)
    return latest_by_image(ours, given.status.attempt, given.job.spec.retry_codes)


def summarise(total: int, outcomes: Mapping[int, Outcome], attempt: int, active: int = 0) -> Results:
    """Return the sums over these outcomes."""
    values = outcomes.values()
    receipt = sum_up(values)
    succeeded = sum(outcome.succeeded for outcome in values)
    failures, codes = summarise_failures(values)
    return Results(
        counts=Counts(total, min(active, total - len(outcomes)), succeeded, len(outcomes) - succeeded),
        failures=failures,
        failure_codes=codes,
        bytes_in=receipt.bytes_in,
        bytes_out=receipt.bytes_out,
        cpu_milliseconds=receipt.cpu_milliseconds,
        attempt_receipt=sum_up(each for each in values if each.attempt == attempt),
        outcomes=outcomes,
    )


def fill_missing(
    given: PlanInput, outcomes: Mapping[int, Outcome], code: Code, message: str
) -> dict[int, Outcome]:
    """Return the outcomes, with a failed outcome added for each image that has none."""
    absent = (index for index in range(given.job.spec.total) if index not in outcomes)
    return dict(outcomes) | {
        index: Outcome(index, given.job.item_name(index), given.status.attempt, code, message)
        for index in absent
    }


def results_without_lines(given: PlanInput, code: Code) -> Results:
    """Return the results of a job that never started: every image that did not succeed before has failed."""
    total, succeeded = given.job.spec.total, given.status.counts.succeeded
    return Results(
        Counts(total, 0, succeeded, total - succeeded), prepared=False, failure_codes=(code.value,)
    )


def monotonic(before: Counts, now: Counts) -> Counts:
    """Return live counts that never decrease within an attempt, even if the board lost some of them."""
    succeeded = min(now.total, max(before.succeeded, now.succeeded))
    failed = min(now.total - succeeded, max(before.failed, now.failed))
    return Counts(now.total, min(now.active, now.total - succeeded - failed), succeeded, failed)
