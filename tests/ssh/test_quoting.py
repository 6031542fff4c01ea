"""Quoted words reach a command as they are."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towline.ssh import quote, quote_path

words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)


def shell_sees(text: str, home: str = "/home/u") -> list[str]:
    done = subprocess.run(
        ["sh", "-c", f"printf '%s\\0' {text}"],
        capture_output=True,
        check=True,
        env={"HOME": home, "PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )
    return done.stdout.decode().split("\0")[:-1]


@settings(max_examples=60, deadline=None)
@given(st.lists(words, min_size=1, max_size=5))
def test_quoted_words_reach_the_command_as_they_are(given_words: list[str]) -> None:
    assert shell_sees(quote(*given_words)) == given_words


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("/a b/c", "/a b/c"),
        ("~", "/home/u v"),
        ("~/x/$y", "/home/u v/x/$y"),
        ("-rf", "./-rf"),
        ("a/~/b", "./a/~/b"),
        ("~user", "./~user"),
        ("~/-n", "/home/u v/-n"),
    ],
)
def test_path_means_what_it_says_and_is_never_an_option(path: str, seen: str) -> None:
    assert shell_sees(quote_path(path), home="/home/u v") == [seen]
