"""Commands of packages, written so that they find the Python beside them wherever they lie."""

from __future__ import annotations

from importlib.metadata import EntryPoint

from towline.environments.bin_folder import FIND_PYTHON, relocated

__all__ = ["command", "relocated"]

_CALL = """\
import sys

from {module} import {first}

if __name__ == "__main__":
    sys.exit({function}())
"""


def command(entry_point: EntryPoint) -> bytes:
    """Return the program behind a ``console_scripts`` entry point."""
    function = entry_point.attr or "main"
    call = _CALL.format(
        module=entry_point.module, first=function.partition(".")[0], function=function
    )
    return FIND_PYTHON + call.encode()
