"""A link whose carrier breaks, over and over or for long: nothing is lost."""

# ruff: noqa: S311 - names of helpers say what they do; no secrets are made here

from __future__ import annotations

import hashlib
import os
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random

from towline.link import Link, LinkState

from .conversation import QUICK, cut, dial, exchange
from .local_controller import eventually


def test_nothing_is_lost_when_the_carrier_is_cut_again_and_again(link, echo, events):
    """Three managers stream while the carrier is killed 20 times, always in the middle."""
    port = link.listen("x", echo.port, "127.0.0.1")
    stop = threading.Event()

    def stream(seed: int) -> tuple[str, str]:
        random = Random(seed)
        sent, received = hashlib.sha256(), hashlib.sha256()

        def read(manager: socket.socket) -> None:
            while piece := manager.recv(1 << 18):
                received.update(piece)

        with dial(port) as manager:
            manager.settimeout(60)
            reader = threading.Thread(target=read, args=(manager,))
            reader.start()
            while not stop.is_set():
                data = random.randbytes(random.choice([20, 3000, 2_000_000]))
                sent.update(data)
                manager.sendall(data)
            manager.shutdown(socket.SHUT_WR)
            reader.join(60)
        return sent.hexdigest(), received.hexdigest()

    with ThreadPoolExecutor(3) as pool:
        streams = [pool.submit(stream, seed) for seed in range(3)]
        for number in range(20):
            moved = link.stats()["carrier_read_bytes"]
            eventually(lambda m=moved: link.stats()["carrier_read_bytes"] > m, "bytes move")
            cut(link)
            eventually(lambda n=number: events.names.count("resumed") > n, "the link resumed")
        stop.set()
        for each in streams:
            sent, received = each.result(90)
            assert sent == received
    assert events.names.count("down") == events.names.count("resumed") == 20
    assert link.stats()["frames_replayed"] + link.stats(agent=True)["frames_replayed"] > 0


def test_a_long_outage_holds_memory_and_loses_nothing(controller, echo, tmp_path, events):
    gate = tmp_path / "cut"
    controller.before = f"[ ! -e {gate} ] || exit 255"
    link = Link(controller, "r1", on_event=events)
    link.start()
    port = link.listen("x", echo.port, "127.0.0.1")
    data = Random(3).randbytes(30_000_000)
    before = link.stats(agent=True)["peak_memory_bytes"]
    gate.touch()
    cut(link)
    eventually(lambda: "down" in events.names, "the link is down")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(exchange, port, data)
        eventually(lambda: events.names.count("waiting"), "a try failed")
        assert link.state is LinkState.DOWN
        assert not answer.done()
        gate.unlink()
        assert answer.result(60) == data
    assert events.names.count("waiting") == 1, "the same reason is said once"
    grown = link.stats(agent=True)["peak_memory_bytes"] - before
    assert grown < 20_000_000
    link.close()


def test_a_frozen_carrier_is_noticed_by_its_silence(controller, echo, events):
    link = Link(controller, "r1", on_event=events, **QUICK)
    link.start()
    port = link.listen("x", echo.port, "127.0.0.1")
    # this link's agent dies silently: it neither closes anything nor answers
    pid = controller.agent_pid("r1")
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: "down" in events.names, "the silence is noticed")
    os.kill(pid, signal.SIGCONT)
    assert "no sign of life" in str(events.first("down")["reason"])
    assert link.wait_up(20)
    assert exchange(port, b"again") == b"again"
    assert link.close()


def test_a_request_made_while_the_link_is_down_is_done_when_it_is_back(
    controller, echo, tmp_path, events
):
    gate = tmp_path / "cut"
    controller.before = f"[ ! -e {gate} ] || exit 255"
    link = Link(controller, "r1", on_event=events)
    link.start()
    gate.touch()
    cut(link)
    eventually(lambda: link.state is LinkState.DOWN, "the link is down")
    with ThreadPoolExecutor(1) as pool:
        port = pool.submit(link.listen, "x", echo.port, "127.0.0.1")
        eventually(lambda: "waiting" in events.names, "a try failed")
        gate.unlink()
        assert exchange(port.result(30), b"late") == b"late"
    link.close()


def test_the_way_is_reopened_by_the_connections_own_command(controller, tmp_path, events):
    gate = tmp_path / "cut"
    controller.before = f"[ ! -e {gate} ] || exit 255"
    controller.reopen = ["sh", "-c", f"rm -f {gate}"]
    link = Link(controller, "r1", on_event=events)
    link.start()
    gate.touch()
    cut(link)
    eventually(lambda: "resumed" in events.names, "the link is back")
    link.close()
