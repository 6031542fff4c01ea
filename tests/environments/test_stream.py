"""A file streamed into a command."""

from __future__ import annotations

import signal
import subprocess

import pytest

from towline.environments.stream import stream
from towline.errors import ConnectionDropped


@pytest.fixture
def body(tmp_path):
    (tmp_path / "body").write_bytes(bytes(range(256)) * 8192)  # 2 MiB
    return tmp_path / "body"


def send(argv, body, head=b"", silence=20.0, progress=lambda done: None):
    return stream(argv, head, body, thing="onprem", silence=silence, progress=progress)


def test_head_and_file_arrive_in_order(body):
    done = []
    answer = send(["sh", "-c", "cat | cksum"], body, progress=done.append, head=b"head")
    assert answer.exit_code == 0
    assert answer.stdout.split()[1] == str(4 + 2 * 1024 * 1024).encode()
    assert done[-1] == answer.sent == 2 * 1024 * 1024
    assert done == sorted(done)


def test_a_command_that_stops_listening_is_heard_to_its_end(body):
    answer = send(["sh", "-c", "echo enough; exit 3"], body)
    assert (answer.exit_code, answer.stdout) == (3, b"enough\n")
    assert answer.sent < 2 * 1024 * 1024


def test_a_flood_of_words_does_not_stop_the_stream(body):
    """Both outputs are drained while the file is sent; only a part of them is kept."""
    flood = "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; cat >/dev/null"
    answer = send(["sh", "-c", flood], body)
    assert answer.exit_code == 0
    assert len(answer.stdout) == len(answer.stderr) == 1024 * 1024


def test_silence_is_ended_and_nothing_runs_on(body, monkeypatch):
    """Neither reads nor says anything: as when a network swallows all packets."""
    started = []

    class Watched(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Watched)
    with pytest.raises(ConnectionDropped, match="took no byte and said nothing for 1 s"):
        send(["sleep", "1000"], body, silence=1.0)
    assert [process.returncode for process in started] == [-signal.SIGKILL]
