"""``attach FOLDER HOST``: hand this process's stdin and stdout to the run's agent, then wait.

The agent reads and writes sshd's pipes itself: no byte passes through this process, which only
lives so that sshd keeps the session. It ends when the agent lets go of the carrier.
"""

import array
import os
import socket
import sys

from .names import LINK, SOCKET

NO_AGENT = 69
"""Exit code when nobody listens: the agent has left."""

OTHER_HOST = 75
"""Exit code when a name that stands for several controllers led to another one this time."""

NO_AGENT_TEXT = "towline: no agent"


def attach(folder: str, host: str) -> int:
    """Give stdin and stdout to the agent; return this process's exit code."""
    here = os.uname().nodename
    if here != host:
        print(f"towline: this is {here}; the agent runs on {host}", file=sys.stderr)
        return OTHER_HOST
    try:
        os.chdir(os.path.join(folder, LINK))
        agent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        agent.connect(SOCKET)
    except OSError as error:
        where = os.path.basename(folder)
        print(f"{NO_AGENT_TEXT} of {where} on {here} ({error.strerror})", file=sys.stderr)
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
