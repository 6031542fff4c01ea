"""The agent's private folder on the controller, ``~/.towline/runs/<tag>/link``."""

import json
import os
import re
import time
from typing import Any, Dict

TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
SOCKET = "socket"
LOG = "log"
AGENT = "agent.json"
EXPIRED = "expired.json"
LOG_BYTES = 256 * 1024


def run_folder(tag: str) -> str:
    """Return the absolute path of one run's folder on this controller.

    Raises:
        ValueError: when the tag could leave the folder of runs.

    """
    if not TAG.match(tag):
        raise ValueError(f"not a tag: {tag!r}")
    return os.path.join(os.path.expanduser("~"), ".towline", "runs", tag)


def link_folder(tag: str) -> str:
    """Return the absolute path of the agent's folder for one run."""
    return os.path.join(run_folder(tag), "link")


def write_json(path: str, facts: Dict[str, Any]) -> None:
    """Write a file that is either whole or not there."""
    partial = f"{path}.{os.getpid()}"
    with open(partial, "w") as file:
        json.dump(facts, file)
        file.write("\n")
    os.replace(partial, path)


class Log:
    """A log that cannot fill the disk: past ``LOG_BYTES`` the older half-life moves to ``log.1``.

    A disk that is full or a folder that is gone loses lines, never the agent.
    """

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, LOG)

    def write(self, text: str) -> None:
        """Append one line with the time in front."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        line = "{} {}\n".format(stamp, text.replace("\n", " ")[:500])
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            fd = os.open(self._path, flags, 0o600)
            try:
                os.write(fd, line.encode("utf-8", "replace"))
                long = os.fstat(fd).st_size > LOG_BYTES
            finally:
                os.close(fd)
            if long:
                os.replace(self._path, self._path + ".1")
        except OSError:
            pass
