"""Writing to the agent's private folder."""

import json
import os
import time
from typing import Any, Dict

from .names import LOG

LOG_BYTES = 256 * 1024


def write_json(path: str, facts: Dict[str, Any]) -> None:
    """Write a file that is either whole or not there."""
    partial = f"{path}.{os.getpid()}"
    with open(partial, "w") as file:
        json.dump(facts, file)
        file.write("\n")
    os.replace(partial, path)


class Log:
    """A log that cannot fill the disk: past ``LOG_BYTES`` it becomes ``log.1``, and starts anew.

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
