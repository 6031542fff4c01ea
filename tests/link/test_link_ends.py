"""A link whose agent, client or script dies, that is closed, or that never comes up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from towline.errors import LinkLost, ReachError
from towline.link import Link, LinkState

from .conftest import processes_below
from .conversation import cut, dial, exchange
from .local_controller import LocalController, alive, eventually


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
