"""The link as a whole, over a carrier that is a local process: bytes, and many of all."""

# ruff: noqa: S311 - names of helpers say what they do; no secrets are made here

from __future__ import annotations

import contextlib
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from towline.link import Link, LinkState
from towline.link.wire.channels import INITIAL_WINDOW

from .conversation import cut, dial, exchange, read_all
from .local_controller import eventually


def test_bytes_go_both_ways_and_ends_are_passed_on(link, echo):
    port = link.listen("x", echo.port, "127.0.0.1")
    data = Random(1).randbytes(3_000_000)
    assert exchange(port, data) == data
    eventually(lambda: link.stats()["channels"] == 0, "the channel is closed on this side")
    eventually(lambda: link.stats(agent=True)["channels"] == 0, "and on the other")


def test_a_small_message_does_not_wait_for_a_timer(link, echo):
    """200 round trips one after the other: with any 50 ms timer on the way they took 10 s."""
    with dial(link.listen("x", echo.port, "127.0.0.1")) as manager:
        began = time.monotonic()
        for _ in range(200):
            manager.sendall(b"ping")
            assert manager.recv(10) == b"ping"
        assert time.monotonic() - began < 8


def test_each_executor_has_a_listener_of_its_own(link, echo, silent):
    first = link.listen("echo", echo.port, "127.0.0.1")
    second = link.listen("silent", silent.getsockname()[1], "127.0.0.1")
    assert first != second
    assert exchange(first, b"to the first") == b"to the first"
    with dial(second) as manager:
        manager.sendall(b"to the second")
        interchange, _ = silent.accept()
        with interchange:
            assert interchange.recv(100) == b"to the second"
    assert link.listen("echo", echo.port, "127.0.0.1") == first


def test_a_refused_interchange_closes_the_managers_connection(link, silent):
    port = link.listen("x", silent.getsockname()[1], "127.0.0.1")
    silent.close()
    with dial(port) as manager, contextlib.suppress(ConnectionResetError):
        assert manager.recv(1) == b""
    assert link.state is LinkState.UP


def test_an_aborted_connection_is_closed_on_the_other_side(link, silent):
    port = link.listen("x", silent.getsockname()[1], "127.0.0.1")
    manager = dial(port)
    interchange, _ = silent.accept()
    manager.sendall(b"last words")
    assert interchange.recv(100) == b"last words"
    manager.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    manager.close()
    with interchange:
        interchange.settimeout(20)
        with contextlib.suppress(ConnectionResetError):
            assert interchange.recv(1) == b""


def test_a_stalled_interchange_stops_only_its_own_manager(link, echo, silent):
    stalled = dial(link.listen("silent", silent.getsockname()[1], "127.0.0.1"))
    with stalled:
        stalled.settimeout(1)
        sent = 0
        with pytest.raises(TimeoutError):
            while True:
                sent += stalled.send(b"x" * 65536)
        data = Random(2).randbytes(5_000_000)
        assert exchange(link.listen("echo", echo.port, "127.0.0.1"), data) == data
        interchange, _ = silent.accept()
        with interchange, ThreadPoolExecutor(1) as pool:
            rest = pool.submit(read_all, interchange)
            stalled.shutdown(socket.SHUT_WR)
            assert len(rest.result(60)) == sent


def test_noise_of_start_up_files_is_skipped(controller, echo):
    controller.before = "head -c 60000 /dev/zero | tr '\\0' m; echo welcome to login1"
    link = Link(controller, "r1")
    link.start()
    assert exchange(link.listen("x", echo.port, "127.0.0.1"), b"hello") == b"hello"
    assert link.close()


def test_256_managers_on_one_carrier(link, echo):
    port = link.listen("x", echo.port, "127.0.0.1")
    managers = [dial(port) for _ in range(256)]
    payloads = [Random(number).randbytes(20_000) for number in range(256)]
    for round_ in range(3):
        if round_ == 1:
            cut(link)
        for manager, payload in zip(managers, payloads, strict=True):
            manager.sendall(payload)
        for manager, payload in zip(managers, payloads, strict=True):
            received = b""
            while len(received) < len(payload):
                piece = manager.recv(1 << 16)
                assert piece
                received += piece
            assert received == payload
    assert link.stats()["channels"] == 256
    for manager in managers:
        manager.close()
    eventually(lambda: link.stats(agent=True)["channels"] == 0, "all channels are closed")
    for side in (link.stats(), link.stats(agent=True)):
        assert side["kept_bytes"] < 100_000
        assert side["peak_memory_bytes"] < 120_000_000


def test_256_managers_whose_interchange_is_stalled_stay_within_the_documented_memory(link, silent):
    silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # let us hold it, not the kernel
    port = link.listen("x", silent.getsockname()[1], "127.0.0.1")
    managers = [dial(port) for _ in range(256)]
    before = link.stats()["peak_memory_bytes"]
    for manager in managers:
        manager.setblocking(False)

    def push() -> int:
        for manager in managers:
            with contextlib.suppress(BlockingIOError):
                for _ in range(40):
                    manager.send(b"x" * 65536)
        return int(link.stats()["undelivered_bytes"])

    eventually(lambda: push() > 128 * INITIAL_WINDOW, "the client holds much of 256 windows", 60)
    eventually(lambda: push() == push() == push(), "no more is taken", 60)
    assert link.stats()["undelivered_bytes"] <= 256 * INITIAL_WINDOW
    assert link.stats()["peak_memory_bytes"] - before < 256 * INITIAL_WINDOW + 40_000_000
    assert link.stats(agent=True)["peak_memory_bytes"] < 120_000_000
    for manager in managers:
        manager.close()


def test_several_links_of_one_script_do_not_disturb_each_other(controller, echo):
    links = [Link(controller, f"r{number}") for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(Link.start, links))
        ports = list(pool.map(lambda link: link.listen("x", echo.port, "127.0.0.1"), links))
        data = Random(5).randbytes(500_000)
        assert list(pool.map(lambda port: exchange(port, data), ports)) == [data] * 3
        assert links[1].close()
        assert exchange(ports[0], data) == data
        assert all(pool.map(Link.close, links))


def test_a_program_of_another_version_can_stay_beside(controller):
    wire = controller.home / ".towline" / "wire"
    wire.mkdir(parents=True)
    (wire / "0123456789abcdef0123.pyz").write_bytes(b"an older one, in use by another run")
    link = Link(controller, "r1")
    link.start()
    assert len(list(wire.iterdir())) == 2
    link.close()
    facts = json.dumps([path.name for path in wire.iterdir()])
    assert "0123456789abcdef0123" in facts
