"""``python -m towline.ssh.reopen DESTINATION``: make sure the shared connection is up.

For processes that must not import Towline, such as the link client after a drop. The argument is
:meth:`Destination.to_json`; it holds no secret.
"""

from __future__ import annotations

import sys

from towline.errors import TowlineError
from towline.ssh.connection import PROBE_SECONDS, Connection
from towline.ssh.destination import Destination

PATIENCE_SECONDS = 45.0
"""How long an unreachable host is tried for; callers give the whole command a minute."""


def main(arguments: list[str]) -> int:
    """Open the connection, or replace a half-dead one; return the exit code, errors on stderr."""
    try:
        connection = Connection(Destination.from_json(arguments[0]))
        connection.recycle(probe_seconds=PROBE_SECONDS)
        connection.open(timeout=PATIENCE_SECONDS, patient=True)
    except TowlineError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
