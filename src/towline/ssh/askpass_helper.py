"""What ssh starts to ask a person something (``SSH_ASKPASS``): it asks Towline instead.

Runs as ``python -I -S askpass_helper.py SOCKET PROMPT`` and imports next to nothing. The prompt
goes to the socket, the answer comes from there and leaves on standard output, which ssh reads.
"""

from __future__ import annotations

import os
import socket
import sys

MOST_BYTES = 1 << 16


def main(path: str, prompt: str) -> int:
    """Return 0 when somebody answered; anything else tells ssh that nobody did."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as towline:
        try:
            towline.connect(path)
            towline.sendall(prompt.encode(errors="replace")[:MOST_BYTES])
            towline.shutdown(socket.SHUT_WR)
            answer = b""
            while len(answer) < MOST_BYTES and (more := towline.recv(4096)):
                answer += more
        except OSError:
            return 1
    if not answer.endswith(b"\n"):  # nobody answered, or Towline is gone
        return 1
    sys.stdout.buffer.write(answer)
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    os._exit(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""))
