"""A TCP relay that can stop passing bytes without closing anything, as a lost network does."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Relay:
    """Passes connections on to a port of this machine.

    ``freeze`` holds the bytes of the connections that exist then; later ones pass.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._gate = threading.Event()
        self._gate.set()
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def freeze(self) -> None:
        """Hold all bytes of the connections that exist now."""
        self._gate.clear()
        self._frozen, self._gate = self._gate, threading.Event()
        self._gate.set()

    def thaw(self) -> None:
        """Let the held bytes go on."""
        self._frozen.set()

    def close(self) -> None:
        """End everything."""
        for end in (self._listener, *self._sockets):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [near, far]
                for ends in ((near, far), (far, near)):
                    threading.Thread(
                        target=self._pass_on, args=(*ends, self._gate), daemon=True
                    ).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, gate: threading.Event) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                gate.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
