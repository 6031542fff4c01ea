"""``attach TAG``: hand this process's stdin and stdout to the run's agent, then wait.

The agent reads and writes sshd's pipes itself: no byte passes through this process, which only
lives so that sshd keeps the session. It ends when the agent lets go of the carrier.
"""

import array
import os
import socket
import sys

from .folder import AGENT, SOCKET, link_folder

NO_AGENT = 69
"""Exit code when nobody listens: the agent has left, or runs on another controller."""


def attach(tag: str) -> int:
    """Give stdin and stdout to the agent; return this process's exit code."""
    try:
        os.chdir(link_folder(tag))
        agent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        agent.connect(SOCKET)
    except OSError as error:
        print(_why_not(tag, error), file=sys.stderr)
        return NO_AGENT
    fds = array.array("i", [0, 1])
    agent.sendmsg([b"A"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds.tobytes())])
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    try:
        while agent.recv(64):
            pass
    except OSError:
        pass
    return 0


def _why_not(tag: str, error: OSError) -> str:
    try:
        with open(AGENT) as file:
            text = file.read(4096)
    except OSError:
        text = ""
    here = os.uname().nodename
    if text and f'"host": "{here}"' not in text:
        return f"towline: the agent of {tag} runs on another host; this is {here}: {text}"
    return f"towline: no agent of {tag} on {here} ({error.strerror})"
