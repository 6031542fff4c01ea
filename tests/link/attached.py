"""A hand-held end of the protocol: speaks to a real agent through a real ``attach``."""

from __future__ import annotations

import os
import select
import subprocess
import time
from typing import Any

from towline.link.agent_start import AgentPlace, StartedAgent, start_agent
from towline.link.wire.control import decode_control, encode_control
from towline.link.wire.frames import CONTROL, Decoder, encode
from towline.link.wire.handshake import Message, MessageReader, encode_message, hello

from .local_controller import LocalController

SESSION = "5e5510"
SECRET = "s" * 64
SETTINGS: dict[str, Any] = {"session": SESSION, "secret": SECRET, "lease_seconds": 60.0}


def place(tag: str) -> AgentPlace:
    """Return where the agent of a test lives."""
    return AgentPlace("~/.towline", tag, "python3")


def start(controller: LocalController, tag: str, **settings: Any) -> StartedAgent:
    """Start an agent, as the link does."""
    return start_agent(controller, place(tag), f"link {tag}", {**SETTINGS, **settings}, 20.0)


def attach_argv(controller: LocalController, tag: str) -> list[str]:
    """Return the argv of an attach to the agent of ``tag`` on this machine."""
    return controller.argv("exec " + place(tag).command("attach", os.uname().nodename))


class Attached:
    """An ``attach`` process, and what the agent says over it."""

    def __init__(self, controller: LocalController, tag: str) -> None:
        self.process = subprocess.Popen(
            attach_argv(controller, tag),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        self.frames: list[tuple[int, int, bytes]] = []
        self._decoder = Decoder()

    def say(self, data: bytes) -> None:
        """Write bytes towards the agent."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    def read(self, seconds: float = 20.0) -> bytes:
        """Read what there is; b"" at the end of the stream."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        assert ready, f"the agent said nothing for {seconds} s"
        return os.read(self.process.stdout.fileno(), 1 << 16)

    def greet(self, message: Message | None = None, received: int = 0) -> Message | None:
        """Say hello; return the agent's answer, or None when it hangs up instead."""
        self.say(encode_message(message or hello(SESSION, SECRET, received)))
        reader = MessageReader()
        while data := self.read():
            answer = reader.feed(data)
            if answer is not None:
                self._decode(answer[1])
                return answer[0]
        return None

    def ask(self, number: int, **request: Any) -> dict[str, Any]:
        """Send a control request and return its answer."""
        self.say(encode(CONTROL, 0, encode_control({"id": number, **request})))
        return self.answer(number)

    def answer(self, number: int) -> dict[str, Any]:
        """Return the answer to a request, once it has come."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for kind, _, payload in self.frames:
                if kind == CONTROL and decode_control(payload)["re"] == number:
                    return decode_control(payload)
            data = self.read()
            assert data, "the agent hung up"
            self._decode(data)
        raise AssertionError(f"no answer to {number}")

    def ended(self) -> bool:
        """Wait for the end of the stream; return True."""
        while self.read():
            pass
        return True

    def close(self) -> None:
        """End the attach process as a lost connection does."""
        self.process.kill()
        self.process.communicate()

    def _decode(self, data: bytes) -> None:
        self._decoder.room()[: len(data)] = data
        self.frames += [(k, c, bytes(view)) for k, c, view in self._decoder.frames(len(data))]

    def __enter__(self) -> Attached:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
