"""Channels with log-ins and tokens, which get nowhere but to the channel."""

from __future__ import annotations

import pytest

from towline.environments.conda.channels import Channel, addresses, hushed, with_secrets
from towline.errors import DefinitionError

LOGIN = Channel("https://alice:p%40ss@example.org/lab")
TOKEN = Channel("https://example.org/t/tk-123/lab")


@pytest.mark.parametrize("channel", [LOGIN, TOKEN])
def test_what_is_shown_has_no_secret(channel):
    assert channel.shown == "https://example.org/lab"
    assert channel.has_secrets
    assert not Channel("conda-forge").has_secrets


@pytest.mark.parametrize(
    ("channel", "whole"),
    [
        (LOGIN, "https://alice:p%40ss@example.org/lab/noarch/x-1-0.conda"),
        (TOKEN, "https://example.org/t/tk-123/lab/noarch/x-1-0.conda"),
    ],
)
def test_a_package_is_fetched_with_the_secrets_of_its_channel(channel, whole):
    url = "https://example.org/lab/noarch/x-1-0.conda"
    assert with_secrets(url, [Channel("conda-forge"), channel]) == whole
    assert with_secrets("https://other.org/lab/x", [channel]) == "https://other.org/lab/x"


@pytest.mark.parametrize(
    "message",
    [
        "401 for url (https://alice:p%40ss@example.org/lab/noarch)",
        "no log-in p@ss for alice",
        "https://example.org/t/tk-123/lab: not found",
        "token tk-123 has expired",
    ],
)
def test_a_librarys_message_is_hushed(message):
    said = hushed(message, [LOGIN, TOKEN])
    assert not any(secret in said for secret in ("p%40ss", "p@ss", "tk-123"))


def test_defaults_are_anacondas_two_channels(tmp_path):
    found = [Channel(url) for url in addresses("defaults", tmp_path)]
    assert [channel.is_defaults for channel in found] == [True, True]
    assert not Channel("conda-forge").is_defaults
    assert addresses("nodefaults", tmp_path) == []


@pytest.mark.parametrize("text", ["https://me:s3@cret@h.org/lab", "https://h.org/t/cret"])
def test_no_part_of_a_secret_is_shown(text):
    assert "cret" not in Channel(text).shown


def test_an_address_that_is_none_is_said_without_its_password():
    with pytest.raises(DefinitionError, match="no valid address: could not parse url") as raised:
        _ = Channel("https://me:s3/cret@h.org/lab").url
    assert "cret" not in str(raised.value)
