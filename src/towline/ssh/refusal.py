"""Read from what ``ssh`` wrote why a connection did not come about.

Pure functions on text; the patterns are OpenSSH's own words, from 7.4 to 10.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from towline.errors import (
    DefinitionError,
    HostKeyChanged,
    HostKeyUnknown,
    HostUnreachable,
    LoginNeeded,
    LoginRefused,
    TowlineError,
)

ENDED_BY_PROXY = "the way to the host closed without a word"
"""The cause when the failure lies on a hop whose own words we have not seen."""


@dataclass(frozen=True)
class Refusal:
    """What ``ssh`` said: the kind of error, the cause in words, the hop it is about."""

    kind: type[TowlineError]
    cause: str
    hop: str = ""
    """Host as ssh names it in known_hosts or in its message; empty when it did not say."""
    remedy: str = ""
    """A command or action that belongs to this very refusal; empty: the usual one for the kind."""


_PERMISSION = re.compile(r"^(?:(\S+?)@(\S+): )?Permission denied \(([\w@.,-]*)\)\.?$", re.M)
_TOO_MANY = re.compile(r"(?:disconnect from|Disconnected from) (\S+).*Too many authentication")
_CHANGED = re.compile(r"^Host key for (\S+) has changed and you have requested strict", re.M)
_OFFENDING = re.compile(r"^Offending \S+ key in (.+?):(\d+)\s*$", re.M)
_SENT_KEY = re.compile(
    r"^The fingerprint for the (\S+) key sent by the remote host is\n(\S+?)\.?$", re.M
)
_UNKNOWN = re.compile(r"^No (\S+) host key is known for (\S+) and you have requested strict", re.M)
_SERVER_KEY = re.compile(r"^debug1: Server host key: (\S+) (\S+)$", re.M)
_REVOKED = re.compile(r"REVOKED HOST KEY DETECTED")
_REVOKED_HOST = re.compile(r"^(?:\S+ )?[Hh]ost key for (\S+) was revoked", re.M)
_NAME = re.compile(r"^ssh: Could not resolve hostname (\S+?): (.+)$", re.M)
_CONNECT = re.compile(r"^ssh: connect to host (\S+) port (\d+): (.+)$", re.M)
_NO_WAY_ON = re.compile(r"^channel \d+: open failed: ([\w ]+)(?:: (.*))?$", re.M)
_ALGORITHM = re.compile(r"^Unable to negotiate with (\S+) port \d+: (.+)$", re.M)
_CONFIGURATION = re.compile(
    r"^(.+)\n.+: terminating, \d+ bad configuration options?$"
    r"|^(Bad owner or permissions on .+|Can't open user config(?:uration)? file .+)$"
    r"|^(unix_listener: .+|ControlPath .* ?too long.*)$",
    re.M,
)
_BY_PROXY = re.compile(
    r"^(?:Connection (?:closed|reset) by UNKNOWN port 65535"
    r"|proxy dialer did not pass back a connection)$",
    re.M,
)
_OLD_BY_PROXY = re.compile(r"\Assh_exchange_identification: Connection closed by remote host\s*\Z")
_CLOSED = re.compile(
    r"^(?:(?:kex|ssh)_exchange_identification: .+|banner exchange: .+|Not allowed at this time.*"
    r"|Connection (?:closed|reset|timed out).*|Connection to .+ (?:closed|timed out).*"
    r"|Timeout, server .+|Received disconnect from .+|Disconnected from .+|client_loop: .+"
    r"|packet_write_wait: .+|ssh_dispatch_run_fatal: .+|ssh_packet_read: .+|Bad packet length.*)$",
    re.M,
)
_OF_SSH = re.compile(
    r"debug\d: |OpenSSH_|Authenticated to |Transferred: |Bytes per second: |Warning: Perm"
    r"|kex_exchange_identification: |ssh_exchange_identification: |proxy dialer |mm_receive_fd: "
    r"|Connection (?:closed|reset) by UNKNOWN|Killed by signal |\*\* "
)
"""Lines of ssh itself that say nothing about why a ProxyCommand ended."""


def read_refusal(text: str) -> Refusal:
    """Return why ``ssh`` ended, from its standard error (with ``-v`` it says more).

    What several hops wrote may be mixed; what names a cause wins over what only says "closed".
    """
    text = text.replace("\r", "")
    for read in (_host_key, _login, _configuration, _network):
        if refusal := read(text):
            return refusal
    words = [line for line in text.splitlines() if line and not line.startswith("debug")]
    return Refusal(HostUnreachable, words[-1] if words else "ssh ended without a word")


def _host_key(text: str) -> Refusal | None:
    if found := _CHANGED.search(text):
        sent = _SENT_KEY.search(text)
        old = _OFFENDING.search(text)
        shows = f"{sent[1]} {sent[2]}" if sent else "another key"
        knew = f", not the one in {old[1]} line {old[2]}" if old else ""
        file = f" -f {old[1]}" if old else ""
        return Refusal(
            HostKeyChanged,
            f"host {found[1]} shows {shows}{knew}: it was reinstalled, or somebody is in between",
            found[1],
            f"ask the site; only if it replaced its key: ssh-keygen -R '{found[1]}'{file}",
        )
    if _REVOKED.search(text):
        host = _REVOKED_HOST.search(text)
        hop = host[1] if host else ""
        cause = f"the key of host {hop or 'on the way'} is marked as revoked in known_hosts"
        return Refusal(HostKeyChanged, cause, hop, "ask the site for its new key")
    if found := _UNKNOWN.search(text):
        shown = list(_SERVER_KEY.finditer(text, 0, found.start()))
        key = f"{shown[-1][1]} {shown[-1][2]}" if shown else f"its {found[1]} key"
        return Refusal(HostKeyUnknown, f"host {found[2]} is not known; it shows {key}", found[2])
    if "Host key verification failed." in text:
        return Refusal(HostKeyUnknown, "a host on the way is not known")
    return None


def _login(text: str) -> Refusal | None:
    if found := _TOO_MANY.search(text):
        return Refusal(
            LoginRefused,
            "too many keys were offered before the right one",
            found[1],
            "name the right key: identity_file in the cluster, or IdentityFile in ssh_config",
        )
    if not (found := _PERMISSION.search(text)):
        return None
    user, hop, methods = found[1] or "", found[2] or "", found[3]
    who = f"user {user} on {hop}" if user else "the user"
    if {"password", "keyboard-interactive"} & set(methods.split(",")):
        return Refusal(
            LoginNeeded,
            f"no key of yours is enough for {who}; a password or code must be typed ({methods})",
            hop,
        )
    unsafe = re.search(r"^Permissions \d+ for '(.+)' are too open", text, re.M)
    if unsafe:
        return Refusal(
            LoginRefused,
            f"ssh ignores the key {unsafe[1]}: others can read it",
            hop,
            f"chmod 600 {unsafe[1]}",
        )
    return Refusal(LoginRefused, f"{who} is not let in with your keys ({methods})", hop)


def _configuration(text: str) -> Refusal | None:
    if found := _CONFIGURATION.search(text):
        line = next(group for group in found.groups() if group)
        return Refusal(DefinitionError, f"ssh cannot use its configuration: {line}")
    return None


def _network(text: str) -> Refusal | None:
    if found := _NAME.search(text):
        return Refusal(HostUnreachable, f"host name {found[1]} is unknown: {found[2]}", found[1])
    if found := _CONNECT.search(text):
        return Refusal(HostUnreachable, f"{found[1]} port {found[2]}: {found[3]}", found[1])
    if found := _ALGORITHM.search(text):
        return Refusal(HostUnreachable, f"{found[1]} and ssh share no method: {found[2]}", found[1])
    if found := _NO_WAY_ON.search(text):
        if found[1] == "connect failed":
            return Refusal(HostUnreachable, f"the jump host gets no further: {found[2]}")
        return Refusal(HostUnreachable, f"the jump host lets nobody through: {found[1]}")
    if _BY_PROXY.search(text) or _OLD_BY_PROXY.search(text):
        said = [line for line in text.splitlines() if line and not _OF_SSH.match(line)]
        cause = f"the way to the host closed: {said[-1]}" if said else ENDED_BY_PROXY
        return Refusal(HostUnreachable, cause)
    if found := _CLOSED.search(text):
        cause = f"the connection ended before log-in was complete: {found[0]}"
        return Refusal(HostUnreachable, cause)
    return None
