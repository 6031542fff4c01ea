"""``--server``: the same command on a server, when one is named.

A command that can do so is written twice, with the same parameters: the local one, and one in
``cli/on_server/`` that is given a `Client` before them. ``also_on_server`` joins the two.
"""

from __future__ import annotations

import contextvars
import functools
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from towline.errors import DefinitionError

if TYPE_CHECKING:
    from towline.client import Client

Command = TypeVar("Command", bound=Callable[..., Any])

NONE = "none"
"""``--server none``: here, whatever TOWLINE_SERVER says."""

HELP = "Do it on this server (none: here). Its key: TOWLINE_API_KEY."
_named: contextvars.ContextVar[str] = contextvars.ContextVar("server", default="")
_MARK = "__towline_server__"


def also_on_server(twin: str) -> Callable[[Command], Command]:
    """Let a command be done by ``cli/on_server`` when a server is named.

    Args:
        twin: ``module.function`` below ``towline.cli.on_server``.

    """

    def decorate(local: Command) -> Command:
        @functools.wraps(local)
        def command(*args: Any, **options: Any) -> Any:
            if not server_is_named():
                return local(*args, **options)
            module, _, name = twin.rpartition(".")
            remote = getattr(importlib.import_module(f"towline.cli.on_server.{module}"), name)
            with client() as server:
                return remote(server, *args, **options)

        setattr(command, _MARK, twin)
        return command  # type: ignore[return-value]

    return decorate


def knows_servers(command: Command) -> Command:
    """Give a command ``--server`` that finds out by itself whether a server is named."""
    setattr(command, _MARK, "")
    return command


def only_here(why: str, next_step: str) -> Callable[[Command], Command]:
    """Let a command refuse to be done on a server, in words.

    Args:
        why: the cause.
        next_step: what to type instead.

    """

    def decorate(local: Command) -> Command:
        @functools.wraps(local)
        def command(*args: Any, **options: Any) -> Any:
            if server_is_named():
                raise DefinitionError(f"--server {_named.get()}", why, next_step)
            return local(*args, **options)

        setattr(command, _MARK, "")
        return command  # type: ignore[return-value]

    return decorate


made_here = only_here(
    "environments are made and looked after from the machine that you type on",
    "here, over your own SSH connection: --server none; or on the server's machine",
)
"""For commands on environments: those that runs of a server use are its own, made as they start."""


def server_is_named() -> bool:
    """Return whether this command is to be done on a server."""
    return _named.get() not in ("", NONE)


def here_is_meant() -> bool:
    """Return whether a server is out of the question: ``--server none``."""
    return _named.get() == NONE


@contextmanager
def client() -> Iterator[Client]:
    """Yield a client of the server that was named, else of the user's own; nothing is stopped."""
    from towline.client import Client

    server = Client(_named.get() if server_is_named() else None)
    try:
        yield server
    finally:
        server.close()


def add_server_option(command: Any) -> None:
    """Give ``--server`` to a noun's commands, as far as they have a say in it."""
    for each in getattr(command, "commands", {}).values():
        add_server_option(each)
    if not hasattr(getattr(command, "callback", None), _MARK):
        return
    if any("--server" in param.opts for param in command.params):
        return
    command.params.append(_option())


def _option() -> Any:
    """Return the option, as typer makes it; no command has it among its parameters."""
    import typer

    app = typer.Typer(add_completion=False)

    @app.command()
    def with_server(
        server: str | None = typer.Option(
            None, metavar="URL", envvar="TOWLINE_SERVER", help=HELP, callback=_remember
        ),
    ) -> None:
        """Have the option."""

    option = typer.main.get_command(app).params[0]
    option.expose_value = False
    return option


def _remember(value: str | None) -> None:
    _named.set((value or "").strip())
