"""What OpenSSH clients of several versions wrote, and what we make of it."""

from __future__ import annotations

import re

import pytest

from towline.errors import (
    DefinitionError,
    HostKeyChanged,
    HostKeyUnknown,
    HostUnreachable,
    LoginNeeded,
    LoginRefused,
    TowlineError,
)
from towline.ssh.refusal import ENDED_BY_PROXY, read_refusal

AT = "@" * 59
CHANGED = f"""\
{AT}
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
{AT}
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Someone could be eavesdropping on you right now (man-in-the-middle attack)!
It is also possible that a host key has just been changed.
The fingerprint for the ED25519 key sent by the remote host is
SHA256:twTLaM67+igthIucDRCnUfCMsdbGMFP8bHUkeS6QW1A.
Please contact your system administrator.
Add correct host key in /home/u/.ssh/known_hosts to get rid of this message.
Offending ECDSA key in /home/u/.ssh/known_hosts:3
  remove with:
  ssh-keygen -f "/home/u/.ssh/known_hosts" -R "login.site.edu"
Host key for login.site.edu has changed and you have requested strict checking.
Host key verification failed.
"""
REVOKED = f"""\
{AT}
@       WARNING: REVOKED HOST KEY DETECTED!               @
{AT}
The ED25519 host key for login is marked as revoked.
This could mean that a stolen key is being used to
impersonate this host.
ED25519 host key for login was revoked and you have requested strict checking.
Host key verification failed.
"""
UNPROTECTED = f"""\
{AT}
@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @
{AT}
Permissions 0666 for '/home/u/.ssh/id' are too open.
It is required that your private key files are NOT accessible by others.
This private key will be ignored.
Load key "/home/u/.ssh/id": bad permissions
u@login: Permission denied (publickey).
"""
VERBOSE_JUMP = """\
OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19 27 Jan 2026
debug1: Executing proxy command: exec ssh -F /run/x.conf -v -W '[10.0.0.1]:22' gate
debug1: Authenticating to gate.site.edu:22 as 'u'
debug1: Server host key: ssh-ed25519 SHA256:gate4aM67+igthIucDRCnUfCMsdbGMFP8bHUkeS6QW1A
debug1: Host 'gate.site.edu' is known and matches the ED25519 host key.
Authenticated to gate.site.edu ([192.0.2.1]:22) using "publickey".
debug1: Authenticating to 10.0.0.1:22 as 'u'
debug1: Server host key: ecdsa-sha2-nistp256 SHA256:innerM67+igthIucDRCnUfCMsdbGMFP8bHUkeS6QW1A
No ECDSA host key is known for 10.0.0.1 and you have requested strict checking.
Host key verification failed.
"""
BY_PROXY = """\
kex_exchange_identification: Connection closed by remote host
Connection closed by UNKNOWN port 65535
"""

CASES: list[tuple[str, str, type[TowlineError], str]] = [
    (
        "9.2",
        CHANGED,
        HostKeyChanged,
        "login.site.edu shows ED25519 SHA256:twTL.*6QW1A, not the one"
        " in /home/u/.ssh/known_hosts line 3",
    ),
    ("9.2", REVOKED, HostKeyChanged, "key of host login is marked as revoked"),
    (
        "9.2 -v",
        VERBOSE_JUMP,
        HostKeyUnknown,
        "host 10.0.0.1 is not known; it shows ecdsa-sha2-nistp256 SHA256:innerM67",
    ),
    (
        "9.2",
        "No ED25519 host key is known for [h]:2222 and you have requested strict checking.\r\n"
        "Host key verification failed.\r\n",
        HostKeyUnknown,
        r"host \[h\]:2222 is not known; it shows"
        " its ED25519 key",
    ),
    (
        "7.4",
        "No RSA host key is known for h and you have requested strict checking.\n"
        "Host key verification failed.\n",
        HostKeyUnknown,
        "host h is not known; it shows its RSA",
    ),
    (
        "any, ask without terminal",
        "Host key verification failed.\n" + BY_PROXY,
        HostKeyUnknown,
        "a host on the way is not known",
    ),
    (
        "7.4",
        "Permission denied (publickey,gssapi-keyex,gssapi-with-mic,password).\n",
        LoginNeeded,
        "no key of yours is enough for the user; .*typed",
    ),
    (
        "9.2",
        "u@login.site.edu: Permission denied (keyboard-interactive).\n",
        LoginNeeded,
        "user u on login.site.edu",
    ),
    (
        "10.0",
        "** WARNING: connection is not using a post-quantum key exchange algorithm.\n"
        "u@h: Permission denied (publickey,hostbased).\n",
        LoginRefused,
        "user u on h is not let in",
    ),
    ("9.2", UNPROTECTED, LoginRefused, "ignores the key /home/u/.ssh/id: others can read it"),
    (
        "8.4",
        "Received disconnect from 192.0.2.7 port 22:2: Too many authentication failures\n"
        "Disconnected from 192.0.2.7 port 22\n",
        LoginRefused,
        "too many keys",
    ),
    (
        "9.2, on the jump host",
        "u@gate: Permission denied (publickey).\n" + BY_PROXY,
        LoginRefused,
        "user u on gate",
    ),
    (
        "glibc",
        "ssh: Could not resolve hostname nohost: Name or service not known\n",
        HostUnreachable,
        "host name nohost is unknown",
    ),
    (
        "macOS",
        "ssh: Could not resolve hostname nohost: nodename nor servname provided, or not known\n",
        HostUnreachable,
        "host name nohost is unknown",
    ),
    (
        "9.2",
        "ssh: connect to host h port 22: Connection refused\n",
        HostUnreachable,
        "h port 22: Connection refused",
    ),
    (
        "macOS",
        "ssh: connect to host h port 22: Operation timed out\n",
        HostUnreachable,
        "h port 22: Operation timed out",
    ),
    ("9.2", "ssh: connect to host h port 22: No route to host\n", HostUnreachable, "No route"),
    (
        "9.2",
        "Connection timed out during banner exchange\nConnection to 192.0.2.7 port 22 timed out\n",
        HostUnreachable,
        "timed out during banner exchange",
    ),
    (
        "7.4",
        "ssh_exchange_identification: read: Connection reset by peer\n",
        HostUnreachable,
        "reset by peer",
    ),
    (
        "9.2",
        "kex_exchange_identification: Connection closed by remote host\nConnection closed by"
        " 192.0.2.7 port 22\n",
        HostUnreachable,
        "ended before log-in was complete: kex_exch",
    ),
    (
        "9.2",
        "Unable to negotiate with 192.0.2.7 port 22: no matching host key type found. Their"
        " offer: ssh-rsa\n",
        HostUnreachable,
        "no matching host key type found. Their offer: ssh-rsa",
    ),
    (
        "9.2",
        "channel 0: open failed: connect failed: Connection refused\nstdio forwarding"
        " failed\n" + BY_PROXY,
        HostUnreachable,
        "jump host gets no further: Connection refused",
    ),
    (
        "9.2",
        "channel 0: open failed: administratively prohibited: open failed\nstdio forwarding"
        " failed\n" + BY_PROXY,
        HostUnreachable,
        "jump host lets nobody through: administratively",
    ),
    (
        "any ProxyCommand's own words",
        "OpenSSH_9.2p1 Debian-2\ndebug1: x\ncorkscrew: proxy says 403\n" + BY_PROXY,
        HostUnreachable,
        "the way to the host closed: corkscrew: proxy says 403",
    ),
    (
        "ProxyUseFdpass",
        "mm_receive_fd: no message header\nproxy dialer did not pass back a connection\n",
        HostUnreachable,
        ENDED_BY_PROXY,
    ),
    ("9.2, ControlPersist hides the hop", BY_PROXY, HostUnreachable, ENDED_BY_PROXY),
    (
        "7.4, the same",
        "ssh_exchange_identification: Connection closed by remote host\n",
        HostUnreachable,
        ENDED_BY_PROXY,
    ),
    (
        "9.2",
        "/home/u/.ssh/config: line 1: Bad configuration option: bogus\n/home/u/.ssh/config:"
        " terminating, 1 bad configuration options\n",
        DefinitionError,
        "Bad configuration option",
    ),
    (
        "9.2",
        'c line 1: no argument after keyword "port"\nc: terminating, 1 bad configuration options\n',
        DefinitionError,
        "c line 1: no argument after keyword",
    ),
    ("9.2", "Bad owner or permissions on /home/u/.ssh/config\n", DefinitionError, "permissions on"),
    (
        "9.2",
        "Can't open user config file nowhere: No such file or directory\n",
        DefinitionError,
        "nowhere",
    ),
    ("8.0", 'unix_listener: path "/x" too long for Unix domain socket\n', DefinitionError, "long"),
    (
        "unheard of",
        "debug1: x\nsomething new happened\n",
        HostUnreachable,
        "something new happened",
    ),
    ("silent", "", HostUnreachable, "ssh ended without a word"),
]


@pytest.mark.parametrize(
    ("text", "kind", "cause"),
    [case[1:] for case in CASES],
    ids=[
        f"{version}: {kind.__name__} {number}" for number, (version, _, kind, _) in enumerate(CASES)
    ],
)
def test_words_of_ssh_are_understood(text: str, kind: type[TowlineError], cause: str) -> None:
    refusal = read_refusal(text)
    assert refusal.kind is kind
    assert re.search(cause, refusal.cause), refusal.cause


def test_hop_is_named_where_ssh_names_it() -> None:
    assert read_refusal(CHANGED).hop == "login.site.edu"
    assert read_refusal(VERBOSE_JUMP).hop == "10.0.0.1"
    assert read_refusal("u@gate: Permission denied (publickey).").hop == "gate"


def test_changed_key_comes_with_the_command_that_forgets_the_old_one() -> None:
    remedy = read_refusal(CHANGED).remedy
    assert remedy.endswith("ssh-keygen -R 'login.site.edu' -f /home/u/.ssh/known_hosts")


@pytest.mark.parametrize("banner", ["Permission denied to strangers.", "Welcome. (publickey)"])
def test_a_sites_banner_is_not_taken_for_ssh(banner: str) -> None:
    text = f"{banner}\nu@h: Permission denied (publickey).\n"
    assert read_refusal(text).kind is LoginRefused
    assert read_refusal(f"{banner}\n" + BY_PROXY).kind is HostUnreachable
