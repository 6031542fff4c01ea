"""Large arguments and results that shrink are sent compressed; tasks see no difference."""

from __future__ import annotations

import array
import json
import operator
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import parsl
import pytest
from parsl.executors.execute_task import execute_task
from parsl.serialize import deserialize, pack_apply_message, serialize

import towline
from towline.engine.tasks import compressed_task, compression_pays
from towline.engine.tasks.measured import Measured, unpack
from towline.engine.tasks.shrink import LARGE, pays
from towline.runs import RunFolder
from towline.testbed import Testbed

TEXT = "".join(f"{number} is a number\n" for number in range(100_000))
NOISE = os.urandom(2_000_000)

WORKER = """
import sys
sys.modules["towline"] = None  # importing it raises ImportError, as on a cluster
from parsl.executors.execute_task import execute_task
with open(sys.argv[1], "rb") as file:
    message = file.read()
print(execute_task(message))
"""


def message(function: Any, *args: Any, **kwargs: Any) -> bytes:
    """Return a task as Parsl packs it."""
    return bytes(pack_apply_message(function, args, kwargs))


def test_a_worker_needs_no_towline(tmp_path: Path) -> None:
    """A compressed task is understood by Parsl alone."""
    small = compressed_task(message(len, TEXT))
    assert len(small) < len(TEXT) / 2
    (tmp_path / "task").write_bytes(small)
    done = subprocess.run(
        [sys.executable, "-I", "-c", WORKER, tmp_path / "task"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == [str(len(TEXT))]


@pytest.mark.parametrize(
    "value",
    [
        TEXT,
        TEXT.encode(),
        bytearray(TEXT.encode()),
        array.array("d", range(100_000)),
        {"rows": [{"number": n, "name": f"row {n}"} for n in range(30_000)]},
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_is_large_is_compressed_on_both_ways(value: Any) -> None:
    """Text, bytes, arrays, and what consists of many small things."""
    plain = message(lambda x: x, value)
    small = compressed_task(plain)
    assert len(small) < 0.7 * len(plain)
    assert execute_task(small) == value

    answer = _answer(lambda: value)
    assert len(answer) < 0.7 * len(plain)
    assert unpack(deserialize(answer))[1:] == (value, None)


def _answer(function: Any) -> bytes:
    """Return what a worker sends for a measured call that may compress."""
    there = deserialize(serialize(Measured(function, compress=True)))
    return bytes(serialize(there()))


def test_what_does_not_shrink_or_is_small_is_sent_as_it_is() -> None:
    """No byte is added, nothing is copied."""
    for value in (7, TEXT[: LARGE // 2], NOISE):
        plain = message(len, value)
        assert compressed_task(plain) is plain
    assert len(_answer(lambda: NOISE)) < len(NOISE) + 1000
    assert unpack(deserialize(_answer(lambda: NOISE)))[1:] == (NOISE, None)


@pytest.mark.parametrize(
    ("wanted", "round_trip", "pays_there"),
    [
        ("auto", 0.08, True),
        ("auto", 0.01, True),
        ("auto", 0.001, False),
        ("auto", None, False),
        ("always", None, True),
        ("never", 0.08, False),
    ],
)
def test_auto_compresses_for_far_clusters(
    wanted: str, round_trip: float | None, pays_there: bool
) -> None:
    """Near by, and on this machine, sending is faster than compressing."""
    assert compression_pays(wanted, round_trip) == pays_there


def test_samples_are_taken_all_over() -> None:
    """A header that shrinks, in front of data that do not, deceives nobody."""
    assert not pays(bytes(100_000) + NOISE)
    assert pays(NOISE[:100_000] + bytes(2_000_000))


def test_a_sample_that_misleads_costs_nothing_on_the_line() -> None:
    """What turns out not to shrink is sent as it is."""
    step = len(NOISE) // 4
    striped = b"".join(bytes(20_000) + NOISE[:step] for _ in range(4))[: 4 * (step + 20_000)]
    plain = message(len, striped)
    assert compressed_task(plain) == plain


def test_one_object_passed_twice_stays_one() -> None:
    """As with plain Parsl; it crosses the line once."""
    rows = [TEXT]
    plain = message(lambda first, second: (first is second, len(first[0])), rows, rows)
    small = compressed_task(plain)
    assert len(small) < len(plain) / 2
    assert execute_task(small) == (True, len(TEXT))
    assert rows == [TEXT]


def test_keywords_and_what_a_function_holds_are_compressed() -> None:
    """Each of the three parts of a task on its own; what plain pickle cannot take, too."""
    kept = TEXT

    def both(of: Any) -> Any:
        return len(kept) + len(of["text"]) + of["twice"](4)

    plain = message(both, of={"text": TEXT, "twice": lambda n: 2 * n})
    small = compressed_task(plain)
    assert len(small) < len(plain) / 2
    assert execute_task(small) == 2 * len(TEXT) + 8


def test_an_error_that_holds_much_comes_back() -> None:
    """Message and type are those of the app."""

    def broken() -> None:
        raise ValueError(TEXT)

    answer = _answer(broken)
    _, result, error = unpack(deserialize(answer))
    assert len(answer) < len(TEXT) / 2
    assert result is None
    assert isinstance(error, ValueError)
    assert error.args == (TEXT,)


def test_a_function_is_measured_with_and_without_compression() -> None:
    """Parsl keeps what it serialised by equality; executors near and far must not share it."""
    assert Measured(pow, compress=True) != Measured(pow)
    assert Measured(pow, compress=True) == Measured(pow, compress=True)
    assert len(serialize(Measured(abs, compress=True))) - len(serialize(abs)) < 1200


@pytest.mark.parametrize("records", [True, False])
def test_a_script_sees_no_difference(home: Path, records: bool) -> None:
    """Results, errors, keywords, the app cache and payloads of the user's own making."""
    executors = {"a": {"cluster": "local", "tasks_per_node": 1, "compress": "always"}}
    with towline.load(executors, task_records=records, retries=0) as dfk:
        indent = parsl.python_app(textwrap.indent, executors=["a"], cache=True)
        for remembered in (False, True):
            future = indent(TEXT, prefix="- ")
            assert future.result(60) == textwrap.indent(TEXT, prefix="- ")
            assert bool(future.task_record["from_memo"]) == remembered
        error = parsl.python_app(json.loads, executors=["a"])(TEXT).exception(60)
        assert isinstance(error, json.JSONDecodeError)
        assert error.doc == TEXT
        own = dfk.executors["a"].submit_payload(
            {"task_executor": {"f": "builtins.len"}}, bytes(1_000_000)
        )
        assert own.result(60) == 1_000_000


def crossed(testbed: Testbed) -> tuple[int, int]:
    """Return the bytes that onprem's controller has received and sent, as its kernel counts."""
    shown = testbed.exec("onprem-ctl", ["cat", "/proc/net/dev"]).stdout.splitlines()[2:]
    counters = [line.partition(":")[2].split() for line in shown if "lo:" not in line]
    return sum(int(each[0]) for each in counters), sum(int(each[8]) for each in counters)


def test_fewer_bytes_cross_the_network(clusters: Testbed) -> None:
    """Arguments on the way there and results on the way back, each compressed or not as asked."""
    common = {"cluster": "onprem", "provider": "controller", "packages": ["parsl"]}
    size, there, back = 8 * 400_000, {}, {}
    with towline.load({label: {**common, "compress": label} for label in ("always", "never")}):
        for label in ("always", "never"):
            count = parsl.python_app(len, executors=[label])
            repeat = parsl.python_app(operator.mul, executors=[label])
            assert count("warm").result(60) == 4
            before = crossed(clusters)
            assert count("towline " * 400_000).result(60) == size
            between = crossed(clusters)
            assert repeat("towline ", 400_000).result(60) == "towline " * 400_000
            there[label], back[label] = between[0] - before[0], crossed(clusters)[1] - between[1]
    assert there["never"] > size
    assert back["never"] > size
    assert there["always"] < size / 4
    assert back["always"] < size / 4
    completed = json.loads(RunFolder.all()[0].completed_executors.read_text())
    assert {label: completed[label]["compress"] for label in completed} == {
        "always": "always",
        "never": "never",
    }
