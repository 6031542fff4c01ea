"""``towline run`` is a command and a group at once: ``run SCRIPT …`` and ``run list``."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

START = "<script>"  # the hidden command behind `run SCRIPT`; nobody types it


class RunGroup(TyperGroup):
    """A group that takes a first word which is no verb of its own for a script.

    A script named like a verb needs its folder: ``towline run ./list``.
    """

    _showing_help = False

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Send everything but verbs and the group's own help to the hidden command."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [START, *args]
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Name the hidden command as its usage line should."""
        name, command, rest = super().resolve_command(ctx, args)
        return "SCRIPT" if name == START else name, command, rest

    def get_params(self, ctx: Any) -> Any:
        """Show the options of ``run SCRIPT`` on the group's help page."""
        params = super().get_params(ctx)
        return [*self.commands[START].params, *params] if self._showing_help else params

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return both ways to write it."""
        return ["SCRIPT [OPTIONS] [-- ARGS]...", "|", "COMMAND [OPTIONS] [RUN]"]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write one page for both."""
        self._showing_help = True
        super().format_help(ctx, formatter)


class StartCommand(TyperCommand):
    """``run SCRIPT``: with a hint for those who forget the ``--``."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what comes behind SCRIPT."""
        return ["[OPTIONS]", "[-- ARGS]..."]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse; an option that we do not know is probably the script's."""
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            option = getattr(error, "option_name", None)
            if option and hasattr(error, "message"):
                error.message += f". The script's own arguments go behind --: -- {option} …"
            raise
