"""Make the commands of the packages below those of an environment, with its own Python.

Runs on the cluster with the standard library only. Arguments: the folder of packages, and the
environment. Commands written in Python are copied, so that they find the Python beside them;
programs are linked.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Read by sh as: exec the python in this file's own folder. Read by Python as: a string.
# Unlike a path in the first line it knows no length limit and no place.
FIND_PYTHON = b"""#!/bin/sh
'''exec' "$(dirname -- "$(realpath -- "$0" 2>/dev/null || echo "$0")")/python" "$0" "$@"
' '''
"""


def relocated(script: bytes) -> bytes:
    """Return a file of ``bin`` with the Python in its first line replaced.

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
    return FIND_PYTHON + rest


def main(packages: str, environment: str) -> None:
    """Bring the commands of packages, and the environment's own, into its ``bin``."""
    target = Path(environment, "bin")
    for file in [*Path(packages, "bin").glob("*"), *target.glob("*")]:
        if file.is_symlink() or not file.is_file():
            continue
        with file.open("rb") as opened:
            is_script = opened.read(2) == b"#!"
        place = target / file.name
        if is_script:
            text = file.read_bytes()
            if file != place or relocated(text) != text:
                place.write_bytes(relocated(text))
            place.chmod(0o755)
        elif file != place and not place.exists():
            place.symlink_to(file)


if __name__ == "__main__":
    main(*sys.argv[1:])
