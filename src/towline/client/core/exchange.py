"""Send a call until it is answered: what may be sent again, how often, after what pause."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from towline.client.core.calls import Answer, Call, NoAnswer, Pause, Steps
from towline.client.core.problems import error_of
from towline.errors import ServerUnreachable, TowlineError

SHORTEST, LONGEST = 0.1, 5.0
BUSY = frozenset({429, 502, 503, 504})
"""Too many requests; a proxy without its server; a server that is starting or stopping."""
_GONE = frozenset({404, 410})


@dataclass
class Patience:
    """How long to go on trying; one for each client.

    Args:
        first: seconds for a server that has never answered: a wrong address should be said soon.
        later: seconds for one that has: it is being restarted.

    """

    first: float = 3.0
    later: float = 60.0
    clock: Callable[[], float] = time.monotonic
    answered: bool = False

    @property
    def seconds(self) -> float:
        """The time that a call may take, with all its tries."""
        return self.later if self.answered else self.first


def pause_after(tries: int, asked: float | None = None, spread: float | None = None) -> float:
    """Return the seconds before another try: doubled each time, spread so that many do not meet.

    Args:
        tries: those so far.
        asked: what the server asked for by ``Retry-After``.
        spread: 0..1 in place of chance.

    """
    chance = random.random() if spread is None else spread  # noqa: S311 - no secret
    longest = min(LONGEST, SHORTEST * 2.0 ** min(tries, 10))
    return max(min(asked or 0.0, 60.0), longest * (0.5 + chance / 2))


def exchange(call: Call, server: str, patience: Patience) -> Steps[Answer]:
    """Return the answer to a call, of whatever status below 400.

    A call that was surely not received is sent again, whatever it is; one that may have been
    received only when it can do no more than once (`Call.again`).

    Raises:
        ServerUnreachable: nobody answered in time.
        TowlineError: the server said no; see `error_of`.

    """
    until = patience.clock() + patience.seconds
    tries = 0
    maybe_removed = False
    while True:
        reply = yield call
        tries += 1
        if isinstance(reply, Answer):
            if reply.status not in BUSY:
                patience.answered = True
            if reply.status < 400 or (reply.status in _GONE and maybe_removed):
                return reply
            error: TowlineError = error_of(call, reply, server)
            if reply.status not in BUSY or not call.again:
                raise error
            pause = pause_after(tries, retry_after(reply))
        else:
            assert isinstance(reply, NoAnswer)  # noqa: S101 - the driver's side of the bargain
            error = unreachable(server, reply.why, patience)
            if reply.sent and not call.again:
                raise error
            maybe_removed |= reply.sent and call.method == "DELETE"
            pause = pause_after(tries)
        if patience.clock() + pause > until:
            raise error
        yield Pause(pause)


def unreachable(server: str, why: str, patience: Patience) -> ServerUnreachable:
    """Return the error for a server that does not answer."""
    if patience.answered:
        return ServerUnreachable(
            f"server {server}",
            f"has not answered for {patience.later:.0f} s: {why}. Its runs go on without it",
            "on its machine: towline status",
        )
    return ServerUnreachable(
        f"server {server}", why, "check the address; on its machine: towline status, towline up"
    )


def retry_after(answer: Answer) -> float | None:
    """Return the seconds that an answer asks to wait; None: it does not say, or says a date."""
    try:
        return max(0.0, float(answer.headers.get("retry-after", "")))
    except ValueError:
        return None
