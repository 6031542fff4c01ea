"""A sink in memory: what a channel delivered, with a tap that can be closed."""

from __future__ import annotations

from towline.link.wire.channels import Channel, Channels, Sink


class MemorySink(Sink):
    """Collects what channels deliver; ``room`` is what it takes before it stalls."""

    def __init__(self, room: int = 1 << 60) -> None:
        self.room = room
        self.channels: Channels
        self.by_number: dict[int, Channel] = {}
        self.arrived: dict[int, bytearray] = {}
        self.ended_channels: list[int] = []
        self.closed_channels: list[int] = []
        self.credited_channels: list[int] = []

    def opened(self, channel: Channel, listener: int, peer: str) -> None:
        self.adopt(channel)

    def adopt(self, channel: Channel) -> None:
        self.by_number[channel.number] = channel
        self.arrived[channel.number] = bytearray()

    def deliver(self, channel: Channel, data: memoryview) -> int:
        count = min(self.room, len(data))
        self.room -= count
        self.arrived[channel.number] += data[:count]
        return count

    def take(self, channel: Channel, count: int) -> None:
        """Deliver up to ``count`` pending bytes, as a socket that became writable does."""
        count = min(count, channel.pending_bytes)
        left = count
        for piece in list(channel.pending):
            self.arrived[channel.number] += piece[:left]
            left -= min(left, len(piece))
        if count:
            self.channels.delivered(channel, count)

    def ended(self, channel: Channel) -> None:
        self.ended_channels.append(channel.number)

    def credited(self, channel: Channel) -> None:
        self.credited_channels.append(channel.number)

    def closed(self, channel: Channel) -> None:
        self.closed_channels.append(channel.number)
