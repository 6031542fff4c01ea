"""``start FOLDER``: leave an agent behind, and say how it went in one line of JSON.

The settings, with the secret, arrive as one JSON object on stdin: the secret is in no argv, no
environment and no file. Starting again while the agent lives changes nothing and says so.
"""

import fcntl
import json
import os
import sys
import time
from typing import Any, Dict

from .agent import Agent, AgentSettings
from .folder import Log, write_json
from .handshake import VERSIONS
from .names import AGENT, LINK, PID
from .status import ask_running

MOST_SETTINGS_BYTES = 64 * 1024


def start(run_folder: str) -> int:
    """Start the agent of the run in this folder, or find it running; return the exit code."""
    os.umask(0o077)
    settings = AgentSettings.from_json(sys.stdin.read(MOST_SETTINGS_BYTES))
    made_folder = not os.path.isdir(run_folder)
    folder = os.path.join(run_folder, LINK)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    os.chmod(folder, 0o700)
    os.chdir(folder)  # a home may be too deep for the 107 bytes of a socket's path
    lock = _lock()
    running = ask_running()
    if running is None:
        running = _start_detached(run_folder, made_folder, settings)
        running["status"] = "started"
    else:
        running["status"] = "running"
    os.close(lock)
    print(json.dumps(running))
    return 0 if "pid" in running else 1


def _lock() -> int:
    """Let only one ``start`` of this run work at a time, where the file system knows locks."""
    fd = os.open("start.lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            time.sleep(0.05)
        except OSError:
            break  # a file system without locks: two starts in the same moment are unlikely enough
    return fd


def _start_detached(run_folder: str, made_folder: bool, settings: AgentSettings) -> Dict[str, Any]:
    ready_in, ready_out = os.pipe()
    child = os.fork()
    if child == 0:
        _become_agent(run_folder, made_folder, settings, ready_out)
    os.close(ready_out)
    os.waitpid(child, 0)
    with os.fdopen(ready_in, "rb") as pipe:
        answer = pipe.read()
    if not answer:
        return {"error": "the agent died while it started"}
    return dict(json.loads(answer.decode()))


def _become_agent(run_folder: str, made_folder: bool, settings: AgentSettings, ready: int) -> None:
    """Detach from the session that started us and run until the agent leaves; never returns."""
    code = 1
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        _keep_only(ready)
        log = Log(os.getcwd())
        try:
            agent = Agent(run_folder, made_folder, settings, log)
            facts = agent.facts()
            write_json(AGENT, facts)
            with open(PID, "w") as file:
                file.write(f"{os.getpid()}\n")
        except OSError as error:
            os.write(ready, json.dumps({"error": str(error)}).encode())
            os._exit(1)
        os.write(ready, json.dumps(facts).encode())
        os.close(ready)
        log.write(f"started, protocol versions {VERSIONS[0]} to {VERSIONS[1]}")
        code = agent.run()
    except BaseException as error:
        Log(os.path.join(run_folder, LINK)).write(f"died: {error!r}")
    finally:
        os._exit(code)


def _keep_only(keep: int) -> None:
    """Close every descriptor but ``keep``; stdin, stdout and stderr become /dev/null."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    try:
        open_now = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        open_now = list(range(3, 4096))
    for fd in open_now:
        if fd > 2 and fd != keep:
            try:
                os.close(fd)
            except OSError:
                pass
