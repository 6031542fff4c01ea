"""Scripts as one line, and output between markers, however the stream is cut."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towline.ssh.framing import BOOT, MarkedStream, framed, one_line

NONCE = "towline-0123456789abcdef"
SHELLS = [["sh"], ["bash"], ["dash"], ["ksh"], ["mksh"], ["zsh"], ["busybox", "sh"]]
scripts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    places = sorted({min(place, len(data)) for place in at})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


@given(scripts)
def test_one_line_is_one_line_of_printable_ascii(script: str) -> None:
    line = one_line(script)
    assert line.endswith(b"\n")
    assert all(0x20 <= byte <= 0x7E for byte in line[:-1])


@settings(max_examples=50, deadline=None)
@given(scripts)
def test_shell_gets_the_very_bytes_of_the_script_back(script: str) -> None:
    shown = subprocess.run(
        ["sh", "-c", 'IFS= read -r line && printf %b "$line"'],
        input=one_line(script) + b"more input",
        capture_output=True,
        check=True,
    )
    assert shown.stdout == script.encode()


@pytest.mark.parametrize("shell", [s for s in SHELLS if shutil.which(s[0])], ids="-".join)
def test_frame_runs_in_every_shell_at_hand(shell: list[str]) -> None:
    """Login shell and /bin/sh are the same here; input after the frame is the script's own."""
    script = "printf '\\303\\244'; echo \"it's ü\\n\" >&2; cat; exit 7"
    done = subprocess.run(
        [*shell, "-c", BOOT],
        input=framed(script, NONCE, 60) + b"rest",
        capture_output=True,
        check=False,
    )
    out, err = bytearray(), bytearray()
    for data, kept in ((done.stdout, out), (done.stderr, err)):
        stream = MarkedStream(NONCE, kept.extend)
        stream.feed(data)
        assert (stream.started, stream.exit_code) == (True, 7)
    assert out == b"\xc3\xa4rest"
    assert b"it's \xc3\xbc" in err


def test_script_is_ended_by_the_remote_timeout() -> None:
    if not shutil.which("timeout"):
        pytest.skip("NO timeout(1): remote time limits are left out")
    done = subprocess.run(
        ["sh", "-c", BOOT],
        input=framed("echo before; sleep 60", NONCE, 1),
        capture_output=True,
        check=False,
    )
    assert done.stdout.endswith(f"before\n{NONCE}<124\n".encode())


def test_boot_command_has_nothing_that_a_login_shell_could_mistake() -> None:
    assert not set(BOOT) & set("\n\\!*?~#;<>")
    assert BOOT.count("'") == 2


@given(
    st.binary(max_size=50),
    st.binary(max_size=300),
    st.integers(0, 255),
    st.binary(max_size=50),
    st.lists(st.integers(0, 500), max_size=20),
)
def test_exactly_what_lies_between_the_markers_is_delivered(
    noise: bytes, body: bytes, code: int, after: bytes, at: list[int]
) -> None:
    data = noise + NONCE.encode() + b">\n" + body + b"%s<%d\n" % (NONCE.encode(), code) + after
    got = bytearray()
    stream = MarkedStream(NONCE, got.extend)
    for piece in cut(data, at):
        stream.feed(piece)
    stream.finish()
    assert got == body
    assert (stream.started, stream.ended, stream.exit_code) == (True, True, code)
    assert stream.noise == noise


@given(st.binary(max_size=300), st.lists(st.integers(0, 400), max_size=20), st.integers(0, 400))
def test_truncated_stream_never_counts_as_ended(body: bytes, at: list[int], length: int) -> None:
    whole = NONCE.encode() + b">\n" + body + NONCE.encode() + b"<0\n"
    got = bytearray()
    stream = MarkedStream(NONCE, got.extend)
    for piece in cut(whole[: min(length, len(whole) - 1)], at):
        stream.feed(piece)
    stream.finish()
    assert not stream.ended
    assert bytes(got) == whole[len(NONCE) + 2 : min(length, len(whole) - 1)]


def test_endless_noise_does_not_fill_memory() -> None:
    stream = MarkedStream(NONCE, lambda data: None)
    for _ in range(1000):
        stream.feed(os.urandom(10_000))
    assert len(stream.noise) + len(stream._held) < 10_000
