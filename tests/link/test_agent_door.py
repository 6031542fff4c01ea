"""The agent's door: who may attach, and what a carrier may say. Spoken to by hand."""

from __future__ import annotations

import socket

import pytest

from towline.link.wire.frames import DATA, OPEN, encode
from towline.link.wire.handshake import encode_message, hello

from .attached import SECRET, SESSION, Attached, start
from .local_controller import alive


def test_a_wrong_secret_is_refused_late_and_logged_without_repeating_it(controller):
    start(controller, "r1")
    with Attached(controller, "r1") as stranger:
        answer = stranger.greet(hello(SESSION, "guess" * 10, 0))
        assert answer == {"answer": "refused", "reason": "wrong secret"}
        assert stranger.ended()
    log = controller.agent_log("r1")
    assert "wrong secret" in log
    assert "guess" not in log


def test_guessing_does_not_keep_the_owner_out(controller):
    """Four guesses wait for their refusal; the fifth connection is closed; then there is room."""
    start(controller, "r1")
    strangers = [Attached(controller, "r1") for _ in range(4)]
    for stranger in strangers:
        stranger.say(encode_message(hello(SESSION, "wrong", 0)))
    for stranger in strangers:
        assert stranger.ended()
        stranger.close()
    with Attached(controller, "r1") as client:
        answer = client.greet()
        assert answer is not None
        assert answer["answer"] == "welcome"


def test_another_protocol_version_is_told_what_the_agent_speaks(controller):
    start(controller, "r1")
    with Attached(controller, "r1") as client:
        answer = client.greet({**hello(SESSION, SECRET, 0), "versions": [2, 7]})
        assert answer == {"answer": "other version", "versions": [1, 1]}


def test_another_session_is_told_that_state_is_lost_and_channels_are_closed(controller):
    start(controller, "r1")
    with Attached(controller, "r1") as client:
        client.greet()
        port = client.ask(1, do="listen", listener=1, name="x", address="127.0.0.1")["port"]
        with socket.create_connection(("127.0.0.1", port), 20) as manager:
            with Attached(controller, "r1") as forgetful:
                answer = forgetful.greet(hello("another session", SECRET, 0))
                assert answer is not None
                assert answer["answer"] == "state lost"
            assert manager.recv(1) == b""


def test_a_client_that_remembers_too_much_is_told_that_state_is_lost(controller):
    start(controller, "r1")
    with Attached(controller, "r1") as client:
        answer = client.greet(received=5)
        assert answer is not None
        assert answer["answer"] == "state lost"


@pytest.mark.parametrize(
    "words",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        encode_message({"versions": [1, 1], "session": SESSION, "secret": SECRET}),
        encode_message({"versions": "1", "session": SESSION, "secret": SECRET, "received": 0}),
        encode_message({"versions": [1, 1], "session": 1, "secret": None, "received": 0}),
    ],
)
def test_a_hello_that_is_none_is_sent_away(controller, words):
    agent = start(controller, "r1")
    with Attached(controller, "r1") as stranger:
        stranger.say(words)
        assert stranger.ended()
    assert alive(agent.pid)


def test_a_newer_carrier_replaces_an_older_one(controller):
    start(controller, "r1")
    with Attached(controller, "r1") as older, Attached(controller, "r1") as newer:
        older.greet()
        assert newer.greet() is not None
        assert older.ended()
        assert older.process.wait(20) == 0
        assert newer.ask(1, do="stats")["ok"]


def test_garbage_after_the_hello_costs_the_carrier_not_the_session(controller):
    start(controller, "r1")
    with Attached(controller, "r1") as client:
        client.greet()
        client.say(b"\xff" * 100)
        assert client.ended()
    with Attached(controller, "r1") as client:
        answer = client.greet()
        assert answer is not None
        assert answer["answer"] == "welcome"


def test_a_numbered_frame_that_makes_no_sense_ends_the_session(controller):
    start(controller, "r1")
    with Attached(controller, "r1") as client:
        client.greet()
        client.say(encode(DATA, 9, b"for a channel that was never opened"))
        assert client.ended()
    with Attached(controller, "r1") as client:
        answer = client.greet()
        assert answer is not None
        assert (answer["answer"], "never opened" in answer["reason"]) == ("state lost", True)


def test_unanswered_frames_are_replayed_to_the_next_carrier(controller):
    start(controller, "r1")
    with Attached(controller, "r1") as client:
        client.greet()
        port = client.ask(1, do="listen", listener=1, name="x", address="127.0.0.1")["port"]
    with socket.create_connection(("127.0.0.1", port), 20) as manager:
        manager.sendall(b"while nobody was attached")
        with Attached(controller, "r1") as client:
            client.greet(received=1)
            while len(client.frames) < 3:
                client._decode(client.read())
            kinds = {kind: payload for kind, _, payload in client.frames}
            assert kinds[OPEN][4:].startswith(b"127.0.0.1:")
            assert kinds[DATA] == b"while nobody was attached"
