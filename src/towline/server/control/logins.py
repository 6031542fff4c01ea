"""Log-ins that a person answers over the API: the question waits here, the answer passes through.

Answers are in memory only, for as long as ssh takes to read them.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from towline.errors import LoginNeeded, TowlineError
from towline.ssh import Connection

ANSWER_SECONDS = 110.0
"""How long all questions of one log-in may take; a server's usual LoginGraceTime is 120."""
AT_ONCE = 16


@dataclass(frozen=True)
class Question:
    """What ssh wants to know, in its own words.

    Args:
        id: of this question; an answer names it.
        prompt: ssh's words, such as ``(alice@login) Verification code:``.
        asked: when, in unix seconds.
        until: when ssh gives up, in unix seconds.

    """

    id: str
    prompt: str
    asked: float
    until: float


@dataclass
class _Login:
    connection: Connection
    begun: float
    question: Question | None = None
    answered: threading.Event = field(default_factory=threading.Event)
    answer: str | None = None
    trouble: TowlineError | None = None


class Logins:
    """The log-ins that are going on; one a cluster.

    Args:
        asked: called from a thread with a cluster's name when there is a new question.
        ended: called from a thread when a log-in is over; with what went wrong, if anything did.

    """

    def __init__(
        self,
        asked: Callable[[str], object],
        ended: Callable[[str, TowlineError | None], object],
    ) -> None:
        self._asked = asked
        self._ended = ended
        self._lock = threading.Lock()
        self._logins: dict[str, _Login] = {}

    def begin(self, cluster: str, connection: Connection) -> None:
        """Start a log-in and return once it asks something, is done, or has failed.

        Raises:
            LoginNeeded: too many log-ins wait for their answers.
            TowlineError: it failed before anything was asked.

        """
        with self._lock:
            login = self._logins.get(cluster)
            if login is not None:
                return
            if len(self._logins) >= AT_ONCE:
                raise LoginNeeded(
                    f"cluster {cluster}",
                    f"{AT_ONCE} other log-ins wait for an answer",
                    "answer or leave those first",
                )
            login = self._logins[cluster] = _Login(connection, time.time())
        told = threading.Event()
        threading.Thread(
            target=self._run, args=(cluster, login, told), name="towline-login", daemon=True
        ).start()
        told.wait(30.0)
        if login.trouble is not None:
            raise login.trouble

    def question(self, cluster: str) -> Question | None:
        """Return what is asked now; None: nothing."""
        login = self._logins.get(cluster)
        return login.question if login is not None else None

    def going_on(self, cluster: str) -> bool:
        """Say whether somebody is logging in to this cluster."""
        return cluster in self._logins

    def answer(self, cluster: str, question: str, text: str) -> bool:
        """Give an answer; False: this is not, or no longer, asked."""
        with self._lock:
            login = self._logins.get(cluster)
            if login is None or login.question is None or login.question.id != question:
                return False
            login.answer, login.question = text, None
            login.answered.set()
        return True

    def give_up(self, cluster: str) -> None:
        """End a log-in that nobody will answer any more."""
        with self._lock:
            login = self._logins.get(cluster)
            if login is not None:
                login.answer, login.question = None, None
                login.answered.set()

    def _run(self, cluster: str, login: _Login, told: threading.Event) -> None:
        def ask(prompt: str) -> str | None:
            until = login.begun + ANSWER_SECONDS
            with self._lock:
                login.answered.clear()
                login.answer = None
                login.question = Question(secrets.token_hex(8), prompt, time.time(), until)
            told.set()
            self._asked(cluster)
            login.answered.wait(max(0.0, until - time.time()))
            with self._lock:
                typed, login.answer, login.question = login.answer, None, None
            return typed

        try:
            login.connection.login_asking(ask, seconds=ANSWER_SECONDS)
        except TowlineError as error:
            login.trouble = error
        finally:
            with self._lock:
                self._logins.pop(cluster, None)
                login.question = None
            told.set()
            self._ended(cluster, login.trouble)
