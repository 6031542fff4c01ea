"""The program on the controller: ``start FOLDER``, ``attach FOLDER HOST``, ``status FOLDER``."""

import sys


def main() -> int:
    """Run the command about a run's folder in ``sys.argv``; return the exit code."""
    command, words = sys.argv[1:2], sys.argv[2:]
    # Imported one by one: attach runs at every reconnect and needs next to nothing.
    if command == ["attach"] and len(words) == 2:
        from .attach import attach

        return attach(words[0], words[1])
    if command == ["start"] and len(words) == 1:
        from .start import start

        return start(words[0])
    if command == ["status"] and len(words) == 1:
        from .status import status

        return status(words[0])
    print("usage: start FOLDER | attach FOLDER HOST | status FOLDER", file=sys.stderr)
    return 2
