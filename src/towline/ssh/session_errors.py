"""Turn how a session ended, or a script's exit code, into the error that the user reads."""

from __future__ import annotations

from towline.errors import CommandTimedOut, ConnectionDropped, NoSpace, SiteError, TowlineError
from towline.ssh.destination import Destination
from towline.ssh.explain import login_command, plain_ssh
from towline.ssh.session import Ending, Outcome

_NO_SPACE = ("No space left on device", "Disk quota exceeded", "Disc quota exceeded")


def session_broke(
    outcome: Outcome, destination: Destination, what: str, limit: float | None
) -> TowlineError:
    """Return the error for a session that did not complete.

    Args:
        outcome: how it ended.
        destination: where it was.
        what: the command, as messages call it.
        limit: the seconds that it had, in total or without a byte.

    """
    thing = destination.thing
    seconds = f"{limit:.0f} s" if limit is not None else "its time"
    said = f"; ssh said: {outcome.words.splitlines()[-1]}" if outcome.words else ""
    match outcome.ending:
        case Ending.TIMED_OUT:
            cause = f"{what} did not end within {seconds}; it may have had an effect"
            return CommandTimedOut(thing, cause, "look before repeating it")
        case Ending.STALLED:
            cause = f"{what} moved no byte for {seconds}; it may have had an effect"
            return CommandTimedOut(thing, cause, "look before repeating it")
        case Ending.REFUSED:
            cause = f"{what} was not started: the server gives no more sessions (MaxSessions)"
            return CommandTimedOut(thing, cause, "end other sessions, or ask the site for more")
        case Ending.NO_SHELL:
            step = f"see what this prints: {plain_ssh(destination)} echo hello"
            return SiteError(thing, f"the account gives no POSIX shell{said}", step)
        case Ending.GONE:
            cause = f"{what} was not started: the connection broke twice in a row"
            return ConnectionDropped(thing, cause, "try again")
        case _:
            cause = f"the connection broke while {what} ran; it may have had an effect{said}"
            step = (
                f"look before repeating it; if nothing gets through: {login_command(destination)}"
            )
            return ConnectionDropped(thing, cause, step)


def script_failed(destination: Destination, what: str, exit_code: int, said: str) -> SiteError:
    """Return the error for a script whose exit code was checked; a full disk has its own."""
    said = said.strip()[-500:]
    if no_space := found_no_space(destination, what, said):
        return no_space
    cause = f"{what} ended with exit code {exit_code}: {said or 'it said nothing'}"
    return SiteError(destination.thing, cause)


def found_no_space(destination: Destination, what: str, said: str) -> NoSpace | None:
    """Return the error for a full disk or quota, if that is what a remote command said."""
    for line in said.splitlines():
        if any(words in line for words in _NO_SPACE):
            step = "free space there, or ask the site for quota"
            return NoSpace(destination.thing, f"{what} found no space: {line.strip()}", step)
    return None


def first_words(script: str) -> str:
    """Return what messages call a script: its first line, shortened."""
    line = next((line.strip() for line in script.splitlines() if line.strip()), "an empty script")
    return f"'{line[:57]}…'" if len(line) > 58 else f"'{line}'"
