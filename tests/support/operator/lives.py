"""Draws lives of a job from seeds, plays them, and makes one that breaks a promise short.

Hypothesis draws with more cunning, but needs most of the time for itself: this plays some ten times as many.
"""

import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from support.operator.life import BIRTHS, EVENTS, Choices, Life

Values = Mapping[str, Any]
Step = tuple[str, Values]
MAX_TRACEBACK_LINES = 12


@dataclass(frozen=True, slots=True)
class Broken:
    """A life in which something did not hold.

    Attributes:
        birth: Arguments of the life.
        steps: The events that it takes.
        reason: The end of the traceback.
    """

    birth: Values
    steps: Sequence[Step]
    reason: str

    def __str__(self) -> str:
        lines = [f"Life({_format(self.birth)})"]
        lines += [f"{name}({_format(values)})" for name, values in self.steps]
        return "\n".join([*lines, self.reason])


def live(seed: int, events: int) -> Broken | None:
    """Live the life of a seed; return it, made short, if it breaks a promise."""
    random = Random(seed)
    birth = _draw(random, BIRTHS)
    life, steps = Life(**birth), list[Step]()
    if not _play(life, _draw_steps(random, life, events, steps)):
        return None
    steps = _shorten(birth, steps)
    return Broken(birth, steps, _play(Life(**birth), steps))


def _draw_steps(random: Random, life: Life, events: int, drawn: list[Step]) -> Iterator[Step]:
    """Yield events that may happen, and append each to the drawn ones.

    Each life knows only some kinds of events: so it meets each of them more often (swarm testing).
    """
    share = random.uniform(0.2, 1.0)
    known = [name for name in EVENTS if random.random() < share]
    for _ in range(events):
        names = [name for name in known if EVENTS[name].may(life)] or ["reconcile"]
        name = random.choice(names)
        drawn.append((name, _draw(random, EVENTS[name].choices)))
        yield drawn[-1]


def _draw(random: Random, choices: Choices) -> Values:
    return {name: random.choice(values) for name, values in choices.items()}


def _play(life: Life, steps: Iterable[Step]) -> str:
    """Let the events happen that may happen, then the end; return what did not hold, or ""."""
    try:
        try:
            for name, values in steps:
                if EVENTS[name].may(life):
                    EVENTS[name].act(life, **values)
                    life.check()
            life.finish()
        finally:
            life.close()
    except Exception:  # noqa: BLE001 - whatever it is, it is told
        return "".join(traceback.format_exc().splitlines(keepends=True)[-MAX_TRACEBACK_LINES:])
    return ""


def _shorten(birth: Values, steps: list[Step]) -> list[Step]:
    """Return the events without those that the failure does not need, tried in halves, quarters and so on."""
    size = len(steps)
    while size := size // 2:
        at = 0
        while at < len(steps):
            fewer = steps[:at] + steps[at + size :]
            if _play(Life(**birth), fewer):
                steps = fewer
            else:
                at += size
    return steps


def _format(values: Values) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())
