"""Conda channels, whose addresses may hold a password or a token that must not get about."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

from towline.errors import DefinitionError

DEFAULT_CHANNEL = "conda-forge"

_ANACONDA = "https://repo.anaconda.com/pkgs"

_TOKEN = re.compile(r"(?<=/)t/([^/\s]+)(?:/|$)")
_LOGIN = re.compile(r"(?<=://)([^/\s]+)@")  # to the last @: a password may hold one


@dataclass(frozen=True)
class Channel:
    """A channel by name, URL or folder."""

    text: str
    """As the user wrote it, variables put in; may hold secrets."""

    @property
    def shown(self) -> str:
        """Return it without its secrets, for keys, locks, messages and files."""
        return without_channel_secrets(self.text)

    @property
    def has_secrets(self) -> bool:
        """Return whether its address holds a password or a token."""
        return self.shown != self.text

    @cached_property
    def url(self) -> str:
        """The base of its packages' addresses, with secrets, ending in a slash."""
        from rattler.channel import Channel as Known
        from rattler.exceptions import InvalidChannelError

        try:
            return str(Known(self.text).base_url).rstrip("/") + "/"
        except InvalidChannelError as error:
            raise DefinitionError(  # without the text: it may hold a password that we cannot tell
                "channels",
                f"one of them has no valid address: {' '.join(str(error).split())}",
                "write what is special in a user or password by number: / as %2F, : as %3A",
            ) from None

    @property
    def is_defaults(self) -> bool:
        """Return whether it is Anaconda's own, which has terms of its own."""
        return self.shown.startswith(_ANACONDA)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the secret parts of its address, in every form that a message may show."""
        found = [
            match[1] for match in (_LOGIN.search(self.text), _TOKEN.search(self.text)) if match
        ]
        found += [part for text in found for part in text.partition(":")[::2] if ":" in text]
        return tuple({form for text in found for form in (text, unquote(text)) if form})


def addresses(text: str, folder: Path) -> list[str]:
    """Return what a channel of an environment.yml in `folder` stands for."""
    if text == "nodefaults":
        return []  # it only says what is so here in any case
    if text == "defaults":
        return [f"{_ANACONDA}/main", f"{_ANACONDA}/r"]
    if text.startswith((".", "~")):
        return [os.path.normpath(folder / Path(text).expanduser())]
    return [text]


def without_channel_secrets(text: str) -> str:
    """Return a text without the log-ins and tokens of the addresses in it."""
    return _TOKEN.sub("", _LOGIN.sub("", text))


def with_secrets(url: str, channels: Iterable[Channel]) -> str:
    """Return a package's address with the secrets of the channel that it belongs to."""
    for channel in channels:
        if channel.has_secrets and url.startswith(without_channel_secrets(channel.url)):
            return channel.url + url[len(without_channel_secrets(channel.url)) :]
    return url


def hushed(message: str, channels: Iterable[Channel]) -> str:
    """Return a library's message without any channel's secrets."""
    message = without_channel_secrets(message)
    # The longest first: a password may be part of a token.
    secrets = sorted({s for channel in channels for s in channel.secrets}, key=len)
    for secret in reversed(secrets):
        message = message.replace(secret, "***")
    return message
