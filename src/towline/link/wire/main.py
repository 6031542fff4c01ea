"""The program on the controller: ``start TAG``, ``attach TAG`` or ``status TAG``."""

import sys


def main() -> int:
    """Run the command in ``sys.argv``; return the exit code."""
    if len(sys.argv) == 3:
        command, tag = sys.argv[1:]
        # Imported one by one: attach runs at every reconnect and needs next to nothing.
        if command == "attach":
            from .attach import attach

            return attach(tag)
        if command == "start":
            from .start import start

            return start(tag)
        if command == "status":
            from .start import status

            return status(tag)
    print("usage: start TAG | attach TAG | status TAG", file=sys.stderr)
    return 2
