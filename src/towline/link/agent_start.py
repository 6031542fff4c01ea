"""Bring the agent's program to a controller and start it there."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from towline.errors import InterpreterMissing, LinkLost, NoSpace, ReachError
from towline.link.connection import CommandResult, Connection
from towline.link.package import Program, agent_program

PROGRAM_ABSENT = 44
FOLDER_REFUSED = 45
PYTHON_ABSENT = (126, 127)
FULL = ("No space left on device", "quota exceeded")


@dataclass(frozen=True)
class AgentPlace:
    """Where an agent lives on its controller.

    Args:
        root: Towline's folder there, absolute or below ``~/``.
        tag: the run's.
        python: a Python of 3.6 or later, absolute or found on the PATH there.

    """

    root: str
    tag: str
    python: str

    def command(self, verb: str, *words: str) -> str:
        """Return the sh command that runs the agent's program about this run."""
        program = remote_path(self.root, "wire", agent_program().name)
        folder = remote_path(self.root, "runs", self.tag)
        # -I -S: neither the user's environment nor site packages have a say, and it starts faster.
        start = f"{remote_path(self.python)} -I -S {program} {verb} {folder}"
        return " ".join([start, *(shlex.quote(word) for word in words)])


def remote_path(*parts: str) -> str:
    """Return a path as a word for sh; a leading ``~/`` means the remote home folder."""
    path = "/".join(parts)
    if path == "~" or path.startswith("~/"):
        return '"$HOME"' + (shlex.quote(path[1:]) if path[1:] else "")
    return shlex.quote(path)


@dataclass(frozen=True)
class StartedAgent:
    """What a started agent says of itself.

    Args:
        pid: process id on its host.
        host: the controller's own name for itself; several may share one address.
        adopted: it was running already, started before with the same session.

    """

    pid: int
    host: str
    adopted: bool


def start_agent(
    connection: Connection, place: AgentPlace, thing: str, settings: dict[str, Any], timeout: float
) -> StartedAgent:
    """Start the agent of a run; send its program first where it is not there yet.

    Starting again with the same session, as after an answer that got lost, finds it running.

    Raises:
        ReachError: the controller cannot be reached.
        InterpreterMissing: ``place.python`` is not there.
        NoSpace: the program cannot be stored.
        LinkLost: the agent of another session runs under this tag, or it cannot start.

    """
    program = agent_program()
    stdin = json.dumps(settings).encode()
    there = remote_path(place.root, "wire", program.name)
    script = f"[ -r {there} ] || exit {PROGRAM_ABSENT}\nexec {place.command('start')}\n"
    result = connection.run(script, input=stdin, timeout=timeout)
    if result.exit_code == PROGRAM_ABSENT:
        _send(connection, place, thing, program, timeout)
        result = connection.run(script, input=stdin, timeout=timeout)
    return _read_answer(result, place, thing, settings["session"])


def _send(
    connection: Connection, place: AgentPlace, thing: str, program: Program, timeout: float
) -> None:
    """Store the program under the name of its content: whole or not at all."""
    folder = remote_path(place.root, "wire")
    there = remote_path(place.root, "wire", program.name)
    script = (
        f"umask 077; mkdir -p {folder} || exit {FOLDER_REFUSED}\n"
        f"part={there}.$$\n"
        'cat > "$part" && '
        f'[ "$(wc -c < "$part")" -eq {len(program.content)} ] && mv -f "$part" {there} && exit 0\n'
        f'rm -f "$part"; exit {FOLDER_REFUSED}\n'
    )
    result = connection.run(script, input=program.content, timeout=timeout)
    if result.exit_code != 0:
        raise NoSpace(
            thing,
            f"{place.root}/wire/{program.name} cannot be written: {result.stderr.strip()}",
            "free space there, or set another root folder for this cluster",
        )


def _read_answer(
    result: CommandResult, place: AgentPlace, thing: str, session: str
) -> StartedAgent:
    said = result.stderr.strip() or result.stdout.strip()
    if result.exit_code in PYTHON_ABSENT:
        raise InterpreterMissing(
            thing, f"{place.python} does not run on the controller: {said}", "name another Python"
        )
    try:
        # Anything before the last line was printed by the user's start-up files.
        answer = json.loads(result.stdout.strip().splitlines()[-1])
        pid, host, running = int(answer["pid"]), str(answer["host"]), answer["session"]
    except (IndexError, ValueError, KeyError, TypeError):
        if any(words in said for words in FULL):
            raise NoSpace(
                thing, f"the link's agent did not start: {said[-500:]}", "free space there"
            ) from None
        raise ReachError(
            thing,
            f"the link's agent did not start (exit code {result.exit_code}): {said[-500:]}",
            f"look into {place.root}/runs/{place.tag}/link/log on the controller",
        ) from None
    if running != session:
        raise LinkLost(
            thing,
            f"an agent of {place.tag} that belongs to another session runs on {host}, pid {pid}",
            f"end it there: kill {pid}",
        )
    return StartedAgent(pid, host, adopted=answer["status"] == "running")
