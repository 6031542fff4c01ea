"""HTTP as uvicorn speaks it, with an end to how long a request's head may be.

Uvicorn collects headers for as long as they come, before anybody is asked who is calling: whoever
reaches the port could fill the memory.
"""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64 << 10
"""Of the request line and all headers; what one read of the socket brings whole may be longer."""


class ShortHeads(HttpToolsProtocol):
    """One connection; it is closed when a head grows too long."""

    _in_head = True
    _bytes = 0

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        self._bytes += len(data)
        super().data_received(data)
        too_long = self._in_head and self._bytes > MAX_HEAD_BYTES
        if too_long and not self.transport.is_closing():
            self.send_400_response("The request's head is too long.")

    def on_headers_complete(self) -> None:
        """Begin with the body."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait for the next request's head."""
        self._in_head, self._bytes = True, 0
        super().on_message_complete()
