"""One end of the protocol without any I/O: a session, its channels, and what frames do to them."""

from typing import Callable, Optional

from .channels import Channels, Sink
from .control import ControlMessage, decode_control, encode_control
from .frames import ACK, CONTROL, FIRST_UNNUMBERED, PING, PONG, UINT64, ProtocolError
from .session import Session


class Peer:
    """Count, dispatch and answer frames.

    Args:
        sink: takes what arrives on channels.
        accepts: True on the agent, which opens channels; False on the client.
        replay_bytes: bound of all frames kept for the other end.
        control: called with each control message; may raise ProtocolError.
        lost: called with the reason when a numbered frame makes no sense: replaying it would not
            help, so the session cannot go on.
        pong: called with the stamp of a PING that was answered.

    """

    def __init__(
        self,
        sink: Sink,
        accepts: bool,
        replay_bytes: int,
        control: Callable[[ControlMessage], None],
        lost: Callable[[str], None],
        pong: Optional[Callable[[int], None]] = None,
    ) -> None:
        self.session = Session(replay_bytes)
        self.channels = Channels(self.session.send, sink, accepts)
        self._control = control
        self._lost = lost
        self._pong = pong

    def send_control(self, message: ControlMessage) -> None:
        """Send a control message.

        Raises:
            ControlTooLong: when it does not fit a frame.

        """
        self.session.send(CONTROL, 0, encode_control(message))

    def handle(self, frame_type: int, channel: int, payload: memoryview) -> None:
        """Act on a frame that a carrier delivered.

        Raises:
            ProtocolError: on a wrong acknowledgement; the carrier is to blame, not the session.

        """
        if frame_type < FIRST_UNNUMBERED:
            self.session.count_received(len(payload))
            try:
                if frame_type == CONTROL:
                    self._control(decode_control(payload))
                else:
                    self.channels.receive(frame_type, channel, payload)
            except ProtocolError as error:
                self._lost(str(error))
        elif frame_type == ACK:
            self.session.acknowledge(UINT64.unpack(payload)[0])
        elif frame_type == PING:
            self.session.send_unnumbered(PONG, UINT64.unpack(payload)[0])
        elif self._pong is not None:
            self._pong(UINT64.unpack(payload)[0])
