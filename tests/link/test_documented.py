"""docs/link.md says what the code does: frames, magic, bounds, times."""

from __future__ import annotations

import re
from pathlib import Path

from towline.link import LinkState
from towline.link.states import TRANSITIONS
from towline.link.wire import candidate, carrier, channels, endpoint, expiry, handshake, session
from towline.link.wire.agent import FIRST_LEASE_SECONDS, AgentSettings
from towline.link.wire.frames import FIRST_UNNUMBERED, PAYLOAD_BYTES, FrameType

PAGE = (Path(__file__).parents[2] / "docs" / "link.md").read_text()
KIB, MIB = 1024, 1024 * 1024


def rows(first_heading: str) -> list[list[str]]:
    """Return the cells of the table that begins with this heading."""
    table = PAGE.split(f"\n| {first_heading} |", 1)[1].split("\n\n", 1)[0]
    lines = table.splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_of_frames_is_the_one_in_the_code():
    documented = {}
    for kind, name, payload, numbered, _ in rows("type"):
        fewest, _, most = payload.partition("-")
        documented[int(kind)] = (name, (int(fewest), int(most or fewest)), numbered)
    assert documented == {
        int(kind): (
            FrameType(kind).name,
            limits,
            "yes" if kind < FIRST_UNNUMBERED else "no",
        )
        for kind, limits in PAYLOAD_BYTES.items()
    }


def test_the_magic_is_the_one_in_the_code():
    line = next(line for line in PAGE.splitlines() if line.startswith("00 54"))
    assert bytes.fromhex(re.split(r"\s{3,}", line)[0]) == handshake.MAGIC


def test_the_states_are_those_in_the_code():
    documented = {
        LinkState(state.strip("`")): {LinkState(word) for word in re.findall(r"`(\w+)`", leads_to)}
        for state, _, leads_to in rows("state | means")
    }
    assert documented == {state: set(following) for state, following in TRANSITIONS.items()}


def test_the_bounds_and_times_are_those_in_the_code():
    assert channels.INITIAL_WINDOW == session.ACK_BYTES == 256 * KIB
    assert channels.MAX_WINDOW == 4 * MIB
    assert channels.GROWTH_POOL == endpoint.REPLAY_BYTES == 64 * MIB
    assert endpoint.BACKLOG_BYTES == 512 * KIB
    assert (endpoint.MOST_ACCEPTED, channels.MAX_LIVE) == (4096, 8192)
    assert (carrier.WIDE_BYTES, carrier.ROOM_SECONDS) == (MIB, 0.001)
    assert (handshake.MAX_NOISE_BYTES, handshake.MAX_MESSAGE_BYTES) == (64 * KIB, 4096)
    assert (candidate.HELLO_SECONDS, endpoint.ACK_SECONDS) == (20.0, 0.05)
    assert (FIRST_LEASE_SECONDS, expiry.SCRIPT_SECONDS) == (120.0, 120.0)
    defaults = AgentSettings("session", "s" * 64)
    assert defaults.lease_seconds == 900.0
    assert (defaults.carrier.ping_seconds, defaults.carrier.dead_seconds) == (5.0, 20.0)
    for figure in (
        "256 KiB a channel + 64 MiB",
        "| 512 KiB, then",
        "4096 accepted; the client tolerates 8192",
        "64 KiB that shell start-up files",
        "after 50 ms",
        "for 900 s (120 s if it never had one)",
        "after 5 s without a byte",
        "after 20 s the carrier is given up",
        "killed after 120 s",
    ):
        assert figure in PAGE
