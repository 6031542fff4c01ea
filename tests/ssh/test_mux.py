"""Asking a real master, a frozen one, and none, over the control socket."""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from towline.ssh import Connection, mux

from .conftest import Serve
from .loopback import ssh_processes


def test_master_answers_with_its_process_id(plain: Connection) -> None:
    plain.open()
    path = plain._master.socket
    assert [mux.master_pid(path, 5)] == list(ssh_processes(f"-M -N -f -S {path} "))


def test_nobody_there_is_none(tmp_path: Path) -> None:
    assert mux.master_pid(tmp_path / "none", 5) is None
    assert not mux.terminate(tmp_path / "none", 5)
    assert not mux.stop_listening(tmp_path / "none", 5)


def test_frozen_master_is_a_timeout(serve: Serve) -> None:
    connection, _ = serve("plain")
    connection.open()
    path = connection._master.socket
    pid = mux.master_pid(path, 5)
    assert pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError):
            mux.master_pid(path, 0.3)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert mux.master_pid(path, 5) == pid


def test_full_queue_is_somebody_who_is_busy_not_nobody(runtime: Path) -> None:
    """Were it nobody, the socket would be removed under a master that is alive."""
    path = runtime / "busy"
    with socket.socket(socket.AF_UNIX) as listener, ExitStack() as callers:
        listener.bind(str(path))
        listener.listen(0)
        for _ in range(3):
            caller = callers.enter_context(socket.socket(socket.AF_UNIX))
            caller.setblocking(False)
            with suppress(BlockingIOError):
                caller.connect(str(path))
        with pytest.raises(TimeoutError):
            mux.master_pid(path, 0.2)
    path.unlink()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0\0",
        struct.pack(">I", 1 << 30),
        struct.pack(">I", 0),
        struct.pack(">II", 4, 0x80000003),
        b"HTTP/1.1 400 Bad Request",
    ],
)
def test_strange_answer_is_no_master(runtime: Path, answer: bytes) -> None:
    path = runtime / "strange"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def reply() -> None:
            stranger, _ = listener.accept()
            with stranger:
                stranger.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        try:
            assert mux.master_pid(path, 5) is None
        finally:
            thread.join()
            path.unlink()
