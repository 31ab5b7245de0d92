"""A store in front of another passes every call of the port on."""

import asyncio
import inspect
from unittest.mock import create_autospec

import pytest

from imagejobs_contract.ports import JobStore
from imagejobs_contract.stores.forwarding import ForwardingStore

CALLS = [name for name, _ in inspect.getmembers(JobStore, inspect.isfunction) if not name.startswith("_")]


@pytest.mark.parametrize("name", CALLS)
def test_every_call_of_the_port_is_forwarded_with_all_its_arguments(name):
    inner = create_autospec(JobStore, instance=True)
    parameters = list(inspect.signature(getattr(JobStore, name)).parameters.values())[1:]
    named = {each.name: object() for each in parameters if each.kind is each.KEYWORD_ONLY}
    others = [object() for each in parameters if each.kind is not each.KEYWORD_ONLY]
    answer = getattr(ForwardingStore(inner), name)(*others, **named)
    if inspect.iscoroutine(answer):
        answer = asyncio.run(with_result(answer))
    call = getattr(inner, name)
    call.assert_called_once_with(*others, **named)
    assert answer is None if returns_nothing(name) else answer is call.return_value


async def with_result(answer):
    return await answer


def returns_nothing(name):
    return inspect.signature(getattr(JobStore, name)).return_annotation == "None"


def test_the_port_has_the_calls_that_this_test_means():
    assert {"create", "list", "watch", "close"} <= set(CALLS)
