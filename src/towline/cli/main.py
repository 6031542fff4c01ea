"""The ``towline`` command: one noun, one file; a noun is imported when it is called."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from towline.cli._server import add_server_option
from towline.errors import TowlineError
from towline.folders import disk_fault

NOUNS = {
    "run": "Run a script on your clusters; list, watch and stop runs.",
    "cluster": "Add, show, check and log in to clusters.",
    "workflow": "Workflows: a form, a script, versions; install and run them.",
    "env": "Python environments on the clusters.",
    "up": "Start the server in the background and print a link to it.",
    "down": "End the server; runs go on.",
    "status": "Show whether a server runs here, and where.",
    "server": "Serve in this terminal: for systemd and containers.",
    "ci": "One step of a CI job: clusters on, workflow run, outputs fetched, all put back.",
    "key": "API keys, for programs and other machines.",
    "user": "Accounts of a shared server.",
    "testbed": "Two real Slurm clusters on this machine, to try and to test on.",
    "demo": "One script on two real clusters, from nothing to 'leftovers: none'.",
}

EPILOG = "Start with: towline demo"


class Nouns(TyperGroup):
    """A group that imports a noun only when it is called, so that ``--help`` is fast."""

    _showing_help = False

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the nouns in the order in which a newcomer needs them."""
        return list(NOUNS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the noun, or for the help page something that only knows the noun's line."""
        if cmd_name not in NOUNS:
            return None
        if self._showing_help:
            line = typer.Typer(help=NOUNS[cmd_name], invoke_without_command=True)
            line.callback()(lambda: None)
            noun = typer.main.get_command(line)
        else:
            module = importlib.import_module(f"towline.cli.{cmd_name}")
            noun = typer.main.get_command(module.app)
            add_server_option(noun)
        noun.name = cmd_name
        return noun

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page without importing the nouns."""
        self._showing_help = True
        super().format_help(ctx, formatter)


app = typer.Typer(
    cls=Nouns,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("towline"))
        raise typer.Exit


@app.callback()
def towline(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Write one Parsl script; run its apps on every cluster you can reach by SSH."""


def main() -> None:
    """Run the command line; print a TowlineError as words and leave with its exit code."""
    try:
        app()
    except TowlineError as error:
        _leave(error)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except Exception as error:
        if (words := disk_fault(error)) is None:
            raise
        thing = str(getattr(error, "filename", None) or "the disk")
        _leave(TowlineError(thing, words, "df -h; or set TOWLINE_HOME to a folder elsewhere"))


def _leave(error: TowlineError) -> NoReturn:
    if "--json" in sys.argv:
        typer.echo(json.dumps(error.as_dict()))
    else:
        typer.echo(f"error: {error}", err=True)
    sys.exit(error.exit_code)
