"""Destinations, and that no word of theirs can become an option or shell syntax."""

from __future__ import annotations

from pathlib import Path

import pytest

from towline.errors import DefinitionError
from towline.ssh import Destination


@pytest.mark.parametrize("field", ["host", "user", "jump"])
@pytest.mark.parametrize(
    "word",
    ["-oProxyCommand=touch /tmp/x", "-F", "", "a b", "a;b", "a|b", "$(id)", "`id`", "a\nb", "a'b"],
)
def test_word_that_could_be_an_option_or_shell_is_refused(field: str, word: str) -> None:
    with pytest.raises(DefinitionError, match=f"cluster c: {field} .* is not a name"):
        Destination("c", **{"host": "h", field: word})


@pytest.mark.parametrize(
    "host", ["login.site.edu", "2001:db8::1", "fe80::1%eth0", "my-alias_1", "größe"]
)
def test_usual_names_are_accepted(host: str) -> None:
    assert Destination("c", host).arguments() == ["--", host]


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(DefinitionError, match="not between"):
        Destination("c", "h", port=port)


def test_arguments_say_all_that_is_given_and_no_more() -> None:
    destination = Destination(
        "c", "h", user="u", port=2222, jump="a@g1:22,g2", identity_file=Path("/k")
    )
    assert destination.arguments() == [
        *("-l", "u", "-p", "2222", "-J", "a@g1:22,g2"),
        *("-i", "/k", "-o", "IdentitiesOnly=yes", "--", "h"),
    ]


def test_key_tells_connections_apart_but_not_names_of_clusters() -> None:
    one = Destination("one", "h")
    assert one.key == Destination("other", "h", persist_seconds=1).key
    others = [
        Destination("one", "h2"),
        Destination("one", "h", user="u"),
        Destination("one", "h", port=23),
        Destination("one", "h", jump="g"),
        Destination("one", "h", identity_file=Path("/k")),
        Destination("one", "h", config_file=Path("/c")),
    ]
    assert len({one.key, *(other.key for other in others)}) == 7


def test_json_brings_the_same_destination_back() -> None:
    whole = Destination("c", "h", "u", 22, "g", Path("/k"), Path("/c f"), 5, 6)
    for destination in (whole, Destination("c", "h")):
        assert Destination.from_json(destination.to_json()) == destination
