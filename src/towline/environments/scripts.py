"""Commands of packages, written so that they find the Python beside them wherever they lie."""

from __future__ import annotations

from importlib.metadata import EntryPoint

# Read by sh as: exec the python in this file's own folder. Read by Python as: a string.
# Unlike a path in the first line it knows no length limit and no place.
_FIND_PYTHON = b"""#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0" 2>/dev/null || echo "$0")")/python" "$0" "$@"
' '''
"""

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
    return _FIND_PYTHON + call.encode()


def relocated(script: bytes) -> bytes:
    """Return a file of ``bin`` with the workspace's Python in its first line replaced.

    Programs, shell scripts and the like come back as they are.
    """
    first, _, rest = script.partition(b"\n")
    if not first.startswith(b"#!"):
        return script
    if first.endswith(b"/bin/sh") and rest.startswith(b"'''exec' "):
        rest = rest.partition(b"\n")[2].partition(b"\n")[2]  # an installer's long-path form
    elif b"python" not in first:
        return script
    if b"from __future__" in rest:  # must be the first statement, so no string may precede it
        return b"#!/usr/bin/env python\n" + rest
    return _FIND_PYTHON + rest
