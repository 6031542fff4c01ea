"""A function that is sent to a worker measures itself there, and nothing else changes."""

from __future__ import annotations

import os
import pickle
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from parsl.app.errors import RemoteExceptionWrapper, wrap_error
from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost
from parsl.serialize import deserialize, serialize
from parsl.serialize.errors import DeserializationError

from towline.engine.tasks.measured import Measured, failure, unpack

WORKER = """
import sys
sys.modules["towline"] = None  # importing it raises ImportError, as on a cluster
from parsl.serialize import deserialize, serialize
with open(sys.argv[1], "rb") as file:
    function = deserialize(file.read())
with open(sys.argv[2], "wb") as file:
    file.write(serialize(function(3, 4)))
"""


def answer(function: Any, *args: Any) -> Any:
    """Call a function as a worker does: sent, called, its answer sent back."""
    return deserialize(serialize(deserialize(serialize(Measured(function)))(*args)))


def test_a_worker_needs_no_towline(tmp_path: Path) -> None:
    """What is sent carries all that it needs; the facts are those of the worker's process."""
    sent, back = tmp_path / "sent", tmp_path / "back"
    sent.write_bytes(serialize(Measured(pow)))
    environment = {**os.environ, "PARSL_WORKER_RANK": "5", "PARSL_WORKER_BLOCK_ID": "2"}
    worker = subprocess.Popen([sys.executable, "-c", WORKER, sent, back], env=environment)
    assert worker.wait(60) == 0

    facts, result, error = unpack(deserialize(back.read_bytes()))

    assert (result, error) == (81, None)
    assert facts["host"] == platform.node()
    assert (facts["pid"], facts["worker"], facts["block"]) == (worker.pid, "5", "2")
    assert facts["seconds"] >= 0
    assert facts["cpu"] >= 0
    assert facts["memory"] > 1_000_000


@pytest.mark.parametrize(
    "result", [None, 1, "text", b"bytes", [1, {"a": (2,)}], {1}, int], ids=repr
)
def test_a_result_comes_back_as_it_is(result: Any) -> None:
    """Of simple types and of others, None and types among them."""
    assert unpack(answer(lambda: result))[1:] == (result, None)


@pytest.mark.parametrize("wrap", [lambda f: f, wrap_error], ids=["raised", "returned"])
def test_an_error_comes_back_with_its_traceback(wrap: Any) -> None:
    """Whether the function raises it or returns it wrapped, as Parsl's apps do."""

    def broken() -> None:
        raise ValueError("no good")

    facts, result, error = unpack(answer(wrap(broken)))

    assert result is None
    assert isinstance(error, ValueError)
    assert error.args == ("no good",)
    trace, names = error.__traceback__, []
    while trace:
        names.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert names[-1] == "broken"
    assert facts["seconds"] >= 0


def test_what_cannot_be_unpacked_here_is_an_error_of_that_task_alone() -> None:
    """Parsl's thread that takes results would end at it, and every task hang."""

    def two_arguments() -> None:
        class TwoArgumentsError(Exception):
            def __init__(self, first: int, second: int) -> None:
                super().__init__(f"{first} {second}")

        raise TwoArgumentsError(1, 2)

    class Foreign:
        def __reduce__(self) -> Any:
            return deserialize, (b"xx\n",)

    for function in (two_arguments, Foreign):
        facts, _, error = unpack(answer(function))
        assert isinstance(error, DeserializationError)
        assert "cannot be unpacked here" in str(error)
        assert facts["seconds"] >= 0


def test_an_error_that_cannot_be_packed_is_told_by_the_worker() -> None:
    """It is raised there, where Parsl takes it as the task's own error."""

    def unpackable() -> None:
        error = ValueError()
        error.file = open(os.devnull)  # type: ignore[attr-defined]  # noqa: PTH123, SIM115
        error.frame = sys._getframe()  # type: ignore[attr-defined]
        raise error

    with pytest.raises((TypeError, pickle.PicklingError)):
        deserialize(serialize(Measured(unpackable)))()


def test_equal_functions_are_equal_when_measured() -> None:
    """Parsl serialises a function once, by its identity; so it does with measured ones."""
    assert Measured(pow) == Measured(pow)
    assert hash(Measured(pow)) == hash(Measured(pow))
    assert Measured(pow) != Measured(abs)
    assert Measured(pow) != pow
    with pytest.raises(TypeError):
        hash(Measured([].append if False else _Unhashable()))


class _Unhashable:
    __hash__ = None  # type: ignore[assignment]

    def __call__(self) -> None:
        """Do nothing."""


def test_what_travels_with_a_task_is_small() -> None:
    """A tenth of a millisecond on a slow line of 10 MB/s."""
    assert len(serialize(Measured(abs))) - len(serialize(abs)) < 1000


@pytest.mark.parametrize(
    ("error", "facts"),
    [
        (ValueError("a\n b"), {"state": "failed", "error": "ValueError", "text": "a b"}),
        (KeyError(), {"state": "failed", "error": "KeyError"}),
        (WorkerLost(3, "n1"), {"state": "lost", "host": "n1", "worker": "3"}),
        (ManagerLost(b"m", "n2"), {"state": "lost", "host": "n2"}),
    ],
)
def test_how_a_try_ended_without_a_result(error: BaseException, facts: dict[str, Any]) -> None:
    """An error of the app is its own; a lost worker or node is not."""
    found = failure(error)
    assert {name: found.get(name) for name in facts} == facts


def test_an_error_whose_words_fail_has_no_words() -> None:
    """Such errors exist; they must not hide how the task ended."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert failure(Mute()) == {"state": "failed", "error": "Mute"}


def test_long_messages_are_cut() -> None:
    """A message may hold a whole array."""
    assert len(failure(ValueError("x" * 10_000))["text"]) == 200


def test_a_wrapped_error_is_what_parsl_packs_itself() -> None:
    """The class is Parsl's own; the worker has it whatever Towline is."""
    packed = deserialize(serialize(Measured(lambda: 1 / 0)))()[1]
    assert isinstance(deserialize(packed), RemoteExceptionWrapper)
