"""How long what failed waits before it is tried again."""

from imagejobs_contract.runtime.backoff import Backoff, delay_seconds


def test_delays_double_up_to_the_longest():
    assert [delay_seconds(failures, 0.5, 30.0) for failures in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert delay_seconds(10**9, 0.1, 30.0) == 30.0


def test_waits_double_up_to_the_longest_and_differ():
    backoff = Backoff(1.0, 8.0)
    waits = [backoff.next() for _ in range(6)]
    assert all(high / 2 <= wait <= high for wait, high in zip(waits, [1, 2, 4, 8, 8, 8], strict=True))
    assert len(set(waits)) == 6
    backoff.reset()
    assert backoff.next() <= 1.0
