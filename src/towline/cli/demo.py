"""``towline demo``: one script on two real clusters, from nothing to 'leftovers: none'."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Examples: towline demo;  towline demo --workflow singlecluster_parsl_demo;  "
    "towline demo --keep",
)


@app.command()
def demo(
    workflow: Annotated[
        str, typer.Option(help="Which script of the gallery to run.", show_default=True)
    ] = "multicluster_parsl_demo",
    tasks: Annotated[
        int, typer.Option(min=1, help="Small tasks of multicluster_parsl_demo.")
    ] = 400,
    local: Annotated[
        bool, typer.Option("--local", help="Use this machine in place of the two clusters.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave clusters and run there, and say how to go on.")
    ] = False,
) -> None:
    """Boot two Slurm clusters that only SSH reaches, run one Parsl script on both, clean up.

    Needs no cluster, no account and no configuration, and touches none that you have.
    """
    from towline.errors import DefinitionError
    from towline.gallery import gallery_script
    from towline.testbed import what_is_missing

    script = gallery_script(workflow)
    if not script.is_file():
        names = sorted(path.parent.name for path in script.parent.parent.glob("*/main.py"))
        raise DefinitionError(
            f"--workflow {workflow}", "not in the gallery", f"choose one of: {', '.join(names)}"
        )
    missing = what_is_missing()
    if missing and not local:
        _say("NO TESTBED CAN RUN HERE: " + "; ".join(missing))
        _say("The demo goes on with this machine in place of the two clusters.")
        local = True
    home = Path(tempfile.mkdtemp(prefix="towline-demo-"))
    # a socket's path is short, whatever TMPDIR is
    sockets = tempfile.mkdtemp(prefix="towline-demo-", dir="/tmp")
    os.environ |= {"TOWLINE_HOME": str(home), "TOWLINE_RUNTIME_DIR": sockets}
    arguments = ["--", "--tasks", str(tasks)] if workflow == "multicluster_parsl_demo" else []
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))  # clean up all the same
    code = 0
    try:
        with _local_clusters() if local else _testbed(home, keep=keep):
            shown = " ".join(["run", f"{script.parent.name}/{script.name}", *arguments])
            code = _towline("run", str(script), *arguments, shown=shown)
    finally:
        if keep:
            _say(f"Kept. To go on: export TOWLINE_HOME={home} TOWLINE_RUNTIME_DIR={sockets}")
            _say("               towline cluster list")
            _say("To remove all: towline testbed down && rm -r $TOWLINE_HOME $TOWLINE_RUNTIME_DIR")
        else:
            shutil.rmtree(home, ignore_errors=True)
            shutil.rmtree(sockets, ignore_errors=True)
            _say("\nAll of it is removed, the run folder too; `--keep` leaves it.")
    raise typer.Exit(code)


def _towline(*words: str, shown: str = "", quiet: bool = False) -> int:
    """Run a command as a user would, and show it; return its exit code.

    Args:
        shown: what to show in place of the words, where those are long.
        quiet: leave out what it prints, beside errors and progress.

    """
    _say(f"$ towline {shown or ' '.join(words)}")
    command = subprocess.Popen(
        [sys.executable, "-m", "towline", *words], stdout=subprocess.DEVNULL if quiet else None
    )
    while True:
        try:
            return command.wait()
        except KeyboardInterrupt:
            continue  # the command got the Ctrl-C too, and cleans up after itself


@contextmanager
def _testbed(home: Path, *, keep: bool) -> Iterator[None]:
    """Boot the two clusters and define them; take them down unless they are to be kept."""
    _say("Booting two Slurm clusters on this machine; only SSH to their controllers goes in.")
    until = [] if keep else ["--end-with", str(os.getpid())]
    if code := _towline("testbed", "up", *until, shown="testbed up", quiet=True):
        raise typer.Exit(code)
    folder = home / "state" / "testbed"
    config = folder / "ssh_config"
    try:
        _say(f"Accounting by slurmdbd: {_with_accounting(folder)}.")
        for name in ("onprem", "cloud"):
            words = ["cluster", "add", name, "--host", name, "--ssh-config"]
            shown = " ".join([*words, "testbed/ssh_config"])
            if code := _towline(*words, str(config), "--no-check", shown=shown, quiet=True):
                raise typer.Exit(code)
        yield
    finally:
        if not keep:
            _towline("testbed", "down")


def _with_accounting(folder: Path) -> str:
    """Say which clusters' ended jobs sacct knows."""
    from towline.testbed import Testbed

    names: list[str] = Testbed.attach(folder).status()["accounting"]
    return ", ".join(names) or "on none; slurmdbd and mariadb-server are not installed"


@contextmanager
def _local_clusters() -> Iterator[None]:
    """Let this machine stand in for both clusters."""
    for name in ("onprem", "cloud"):
        if code := _towline("cluster", "add", name, "--type", "local", "--no-check", quiet=True):
            raise typer.Exit(code)
    yield


def _say(text: str) -> None:
    typer.echo(f"\n{text}" if text.startswith("$") else text, err=False)
    sys.stdout.flush()
