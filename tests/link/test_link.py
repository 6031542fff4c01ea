"""The link as a whole, over a carrier that is a local process: bytes, drops, deaths, ends."""

# ruff: noqa: S311 - names of helpers say what they do; no secrets are made here

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from towline.errors import LinkLost, ReachError
from towline.link import Link, LinkState
from towline.link.wire.channels import INITIAL_WINDOW

from .conftest import processes_below
from .local_controller import LocalController, alive, eventually

QUICK = {"ping_seconds": 0.2, "dead_seconds": 1.5}


class Events:
    """What a link reported, in order."""

    def __init__(self) -> None:
        self.all: list[tuple[str, dict[str, object]]] = []

    def __call__(self, event: str, **facts: object) -> None:
        self.all.append((event, facts))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.all]

    def first(self, name: str) -> dict[str, object]:
        return next(facts for event, facts in self.all if event == name)


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def link(controller, events):
    link = Link(controller, "r1", on_event=events)
    link.start()
    yield link
    link.close()


def dial(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 20)


def read_all(connection: socket.socket) -> bytes:
    pieces = []
    while piece := connection.recv(1 << 18):
        pieces.append(piece)
    return b"".join(pieces)


def exchange(port: int, data: bytes) -> bytes:
    """Send bytes to an echo server through the link, end, and return what came back."""
    with dial(port) as manager, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(read_all, manager)
        manager.sendall(data)
        manager.shutdown(socket.SHUT_WR)
        return answer.result(60)


def cut(link: Link) -> None:
    """Kill the carrier's process on this side, as a lost connection does."""
    os.kill(link.stats()["carrier_pid"], signal.SIGKILL)


# -- bytes ---------------------------------------------------------------------------------------


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


# -- drops ---------------------------------------------------------------------------------------


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


# -- deaths --------------------------------------------------------------------------------------


def test_a_killed_agent_is_reported_as_lost(link, echo, events, controller):
    with dial(link.listen("x", echo.port, "127.0.0.1")) as manager:
        manager.sendall(b"hello")
        assert manager.recv(5) == b"hello"
        os.kill(controller.agent_pid("r1"), signal.SIGKILL)
        eventually(lambda: link.state is LinkState.LOST, "the link is lost")
        eventually(lambda: echo.accepted[0].fileno() == -1, "the interchange's side is closed")
    assert "no agent" in link.reason
    assert events.names[-1] == "lost"
    with pytest.raises(LinkLost, match="no agent"):
        link.listen("y", echo.port, "127.0.0.1")
    with pytest.raises(LinkLost):
        link.wait_up(1)


def test_a_killed_client_is_lost_at_home_and_its_lease_ends_the_agent(controller, echo, events):
    link = Link(controller, "r1", on_event=events, lease_seconds=1.0)
    link.start()
    link.set_expiry_script("touch was-here")
    agent = controller.agent_pid("r1")
    assert link.client_pid is not None
    os.kill(link.client_pid, signal.SIGKILL)
    eventually(lambda: link.state is LinkState.LOST, "the link is lost")
    assert "signal 9" in link.reason
    with pytest.raises(LinkLost, match="signal 9"):
        link.stats()
    eventually((controller.run_folder("r1") / "was-here").exists, "the expiry script ran")
    eventually(lambda: not alive(agent), "the agent left")
    assert link.close() is False


@pytest.mark.parametrize("leave", ["os.kill(os.getpid(), 9)", "os._exit(0)", "raise SystemExit"])
def test_a_script_that_ends_without_closing_abandons_the_run_at_once(controller, leave):
    """The lease is an hour: only the client's last words can have started the expiry script."""
    agent, client = _run_script(
        controller,
        f"""
        import os
        link.set_expiry_script("touch was-here")
        report()
        {leave}
        """,
    )
    eventually((controller.run_folder("r1") / "was-here").exists, "the expiry script ran")
    eventually(lambda: not alive(agent) and not alive(client), "agent and client left")


def test_a_forked_child_of_a_killed_script_does_not_keep_the_link_alive(controller):
    agent, client = _run_script(
        controller,
        """
        import os, time
        link.set_expiry_script("touch was-here")
        if os.fork() == 0:
            os.close(1)
            time.sleep(40)
            os._exit(0)
        report()
        os.kill(os.getpid(), 9)
        """,
    )
    eventually((controller.run_folder("r1") / "was-here").exists, "the expiry script ran")
    eventually(lambda: not alive(agent) and not alive(client), "agent and client left")


def test_ctrl_c_does_not_reach_the_client(link):
    assert link.client_pid is not None
    assert os.getpgid(link.client_pid) != os.getpgid(0)
    os.kill(link.client_pid, signal.SIGINT)
    assert link.stats()["drops"] == 0
    assert link.state is LinkState.UP


def _run_script(controller: LocalController, body: str) -> tuple[int, int]:
    """Run a script that starts a link and ends as its body says; return (agent, client) pids."""
    script = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from local_controller import LocalController
        from towline.link import Link
        controller = LocalController(Path({str(controller.home)!r}))
        link = Link(controller, "r1", lease_seconds=3600)
        link.start()
        def report():
            print(controller.agent_pid("r1"), link.client_pid, flush=True)
        """
    )
    script += textwrap.dedent(body)
    done = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, timeout=60, check=False
    )
    agent, client = done.stdout.split()
    return int(agent), int(client)


# -- ends ----------------------------------------------------------------------------------------


def test_close_leaves_no_process_port_or_folder(controller, echo, events):
    link = Link(controller, "r1", on_event=events)
    link.start()
    port = link.listen("x", echo.port, "127.0.0.1")
    client = link.client_pid
    with dial(port) as manager:
        assert link.close() is True
        assert manager.recv(1) == b""
    assert client is not None
    assert not alive(client)
    assert processes_below(controller.home) == []
    assert not controller.run_folder("r1").exists()
    with pytest.raises(ConnectionRefusedError):
        dial(port)
    assert (link.state, events.names[-1]) == (LinkState.CLOSED, "closed")
    assert link.close() is True, "closing again changes nothing"
    with pytest.raises(LinkLost):
        link.stats()


def test_closing_while_the_link_is_down_says_that_the_agent_was_not_told(controller, tmp_path):
    gate = tmp_path / "cut"
    controller.before = f"[ ! -e {gate} ] || exit 255"
    link = Link(controller, "r1", lease_seconds=2.0)
    link.start()
    agent = controller.agent_pid("r1")
    gate.touch()
    cut(link)
    eventually(lambda: link.state is LinkState.DOWN, "the link is down")
    assert link.close(timeout=0.5) is False
    eventually(lambda: not alive(agent), "its lease ended it")


def test_a_link_that_cannot_come_up_says_why_and_leaves_no_client(controller):
    controller.before = "echo 'administratively prohibited' >&2; exit 255"
    link = Link(controller, "r1", lease_seconds=1.0, thing="cluster x")
    with pytest.raises(ReachError, match="administratively prohibited"):
        link.start(timeout=3)
    assert link.state is LinkState.CLOSED
    assert link.client_pid is not None
    assert not alive(link.client_pid)


def test_a_controller_that_fails_before_the_start_leaves_no_client(controller):
    (controller.home / ".towline").write_text("a file in the way")
    link = Link(controller, "r1")
    with pytest.raises(Exception, match="wire"):
        link.start()
    assert link.client_pid is not None
    assert not alive(link.client_pid)


def test_a_listener_that_fails_in_the_event_callback_does_not_harm_the_link(controller, echo):
    def fail(event: str, **facts: object) -> None:
        raise RuntimeError(event)

    link = Link(controller, "r1", on_event=fail)
    link.start()
    assert exchange(link.listen("x", echo.port, "127.0.0.1"), b"hello") == b"hello"
    assert link.close()


def test_an_expiry_script_that_fits_no_frame_is_refused_before_it_is_sent(link):
    with pytest.raises(ReachError, match="262144"):
        link.set_expiry_script("x" * 300_000)
    link.set_expiry_script("#" * 200_000)


@pytest.mark.parametrize("tag", ["", "../r1", "r 1", ".hidden", "x" * 101, "r1;ls"])
def test_what_cannot_be_a_tag_is_refused(controller, tag):
    with pytest.raises(ValueError, match="tag"):
        Link(controller, tag)


# -- many ----------------------------------------------------------------------------------------


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
