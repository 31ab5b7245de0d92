"""A gate: who is let through while a system fails, how often it is asked, and what is logged."""

import logging

import pytest

from imagejobs_contract.errors import Misconfigured, NotFound, Unavailable
from imagejobs_contract.runtime.gate import LONGEST_SECONDS, Closed, Gate


class System:
    """A system behind a gate, on a played clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.fault: Exception | None = None
        self.asked: list[float] = []
        self.gate = Gate("played", lambda: self.now)

    def ask(self) -> str:
        """Ask once; return how it ended."""
        try:
            with self.gate.passing():
                self.asked.append(self.now)
                if self.fault:
                    raise self.fault
        except Closed:
            return "closed"
        except Exception as ex:  # noqa: BLE001 - its name is the result
            return type(ex).__name__
        return "answered"


@pytest.fixture
def system() -> System:
    return System()


def test_while_a_system_answers_everybody_passes(system: System) -> None:
    assert [system.ask() for _ in range(3)] == ["answered"] * 3
    system.fault = NotFound("no")
    assert [system.ask() for _ in range(3)] == ["NotFound"] * 3
    system.fault = Misconfigured("no")
    assert system.ask() == "Misconfigured"
    system.fault = None
    assert system.ask() == "answered"


def test_a_thousand_jobs_that_ask_all_the_time_cost_a_failing_system_less_than_one_request_a_second(
    system: System,
) -> None:
    system.fault = Unavailable("away")
    for _ in range(600):
        for _ in range(1000):
            system.ask()
        system.now += 0.1
    assert len(system.asked) <= 60 / LONGEST_SECONDS + 4
    gaps = [after - before for before, after in zip(system.asked, system.asked[1:], strict=False)]
    assert all(gap == pytest.approx(min(0.5 * 2**n, 5), abs=0.11) for n, gap in enumerate(gaps))


@pytest.mark.parametrize(("asked", "least"), [(20.0, 20.0), (0.0, 0.5), (3600.0, 60.0)])
def test_a_pause_that_the_server_asks_for_is_kept(system: System, asked: float, least: float) -> None:
    system.fault = Unavailable("429", retry_after_seconds=asked)
    system.ask()
    system.now = least - 0.01
    assert system.ask() == "closed"
    system.now = least + 0.01
    assert system.ask() == "Unavailable"


def test_one_probe_goes_ahead_and_lets_the_others_through_if_it_is_answered(system: System) -> None:
    system.fault = Unavailable("away")
    system.ask()
    system.now, system.fault = 1.0, None
    with system.gate.passing():
        assert system.ask() == "closed"
    assert system.ask() == "answered"


@pytest.mark.parametrize("fault", [NotFound("no"), Misconfigured("no")])
def test_a_refusal_is_an_answer(system: System, fault: Exception) -> None:
    system.fault = Unavailable("away")
    system.ask()
    system.now, system.fault = 1.0, fault
    system.ask()
    system.fault = None
    assert system.ask() == "answered"


def test_a_probe_that_is_cut_off_leaves_its_place_to_another(system: System) -> None:
    system.fault = Unavailable("away")
    system.ask()
    system.now, system.fault = 1.0, None
    with pytest.raises(KeyboardInterrupt), system.gate.passing():
        raise KeyboardInterrupt
    assert system.ask() == "answered"


def test_requests_that_were_under_way_do_not_open_it_and_do_not_make_the_wait_longer(system: System) -> None:
    with system.gate.passing():
        system.fault = Unavailable("away")
        system.ask()
    system.fault = None
    assert system.ask() == "closed"
    assert len(system.asked) == 1


def test_it_says_once_that_the_system_fails_and_once_that_it_answers(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    opened: list[float] = []
    system.gate.on_open(lambda: opened.append(system.now))
    system.fault = Unavailable("away")
    with caplog.at_level(logging.INFO):
        for second in range(100):
            system.now = float(second)
            system.ask()
        system.now, system.fault = 200.0, None
        for _ in range(3):
            system.ask()
    assert [record.message for record in caplog.records] == ["system fails", "system answers again"]
    assert opened == [200.0]
