"""``status FOLDER``: ask a run's agent about itself, without the secret.

The unix socket lies in a private folder: who can reach it is the same user.
"""

import json
import os
import socket
from typing import Any, Dict, Optional

from .names import LINK, SOCKET


def ask_running() -> Optional[Dict[str, Any]]:
    """Ask the agent whose socket is in this folder about itself; None when nobody answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
        agent.settimeout(5.0)
        try:
            agent.connect(SOCKET)
            agent.sendall(b"S")
            answer = b""
            while True:
                piece = agent.recv(4096)
                if not piece:
                    return dict(json.loads(answer.decode()))
                answer += piece
        except (OSError, ValueError):
            return None


def status(run_folder: str) -> int:
    """Print what the run's agent says about itself; exit code 1 when there is none."""
    try:
        os.chdir(os.path.join(run_folder, LINK))
    except OSError:
        running = None
    else:
        running = ask_running()
    print(json.dumps(running or {"status": "absent"}))
    return 0 if running else 1
