"""What both twins tell httpx2, and how they read what it gives back; no sockets here."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import httpx2

from towline.client.core.address import Address, is_loopback
from towline.client.core.calls import API, Answer, Call, NoAnswer
from towline.client.core.streams import SILENCE

TIMEOUT = httpx2.Timeout(30.0, connect=10.0)
STREAM_TIMEOUT = httpx2.Timeout(30.0, connect=10.0, read=SILENCE)
DOWNLOAD_TIMEOUT = httpx2.Timeout(30.0, connect=10.0, read=60.0)
NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.ProxyError,
)
NO_ANSWER = (httpx2.TransportError, httpx2.DecodingError)


def mounts_of(address: Address) -> dict[str, None]:
    """Return ``mounts`` for a client: the way to this machine leads through no proxy.

    One of the environment could not find the server here, and would read the key.
    """
    own = is_loopback(urlsplit(address.url).hostname or "")
    return dict.fromkeys(("http://", "https://", "all://")) if own else {}


def user_agent() -> str:
    """Return who calls: Towline's version and Python's."""
    python = ".".join(str(part) for part in sys.version_info[:2])
    return f"towline/{version('towline')} python/{python}"


def headers_of(call: Call, address: Address) -> dict[str, str]:
    """Return the headers of a request; the key is here, and nowhere else."""
    return {
        "Accept": "application/json, application/problem+json",
        "User-Agent": user_agent(),
        **call.headers,
        "Authorization": f"Bearer {address.api_key}",
    }


def request_of(call: Call, address: Address) -> dict[str, Any]:
    """Return the arguments of ``build_request`` for a call."""
    arguments: dict[str, Any] = {
        "method": call.method,
        "url": address.url + API + call.path,
        "params": call.params() or None,
        "headers": headers_of(call, address),
    }
    if call.files is not None:
        arguments["files"] = dict(call.files)
    elif call.body is not None:
        arguments["json"] = call.body
    return arguments


def answer_of(response: httpx2.Response, body: bytes) -> Answer:
    """Return what the server said, as data."""
    status = response.status_code
    if 300 <= status < 400:  # never followed: the key is for one address
        where = response.headers.get("location", "elsewhere").partition("?")[0]
        text = f"it sends on to {where}: give that server's address"
        return Answer(421, {}, text.encode())
    return Answer(status, {k.lower(): v for k, v in response.headers.items()}, body)


def no_answer(error: Exception) -> NoAnswer:
    """Return what a broken connection means, in words without the request."""
    words = str(error) or type(error).__name__
    if isinstance(error, httpx2.TimeoutException):
        words = "no answer in time"
    elif "CERTIFICATE_VERIFY_FAILED" in words:
        words = f"its certificate is not trusted ({words.rsplit('] ')[-1]})"
    elif isinstance(error, httpx2.ConnectError):
        words = f"nobody answers there ({words})"
    return NoAnswer(words, sent=not isinstance(error, NEVER_SENT))
