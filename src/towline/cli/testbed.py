"""``towline testbed``: real clusters on this machine, to try and to test on."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from towline.cli import _output as output
from towline.cli._output import JsonOption
from towline.folders import state_folder
from towline.testbed import USUAL_CLUSTERS, CommandFault, FaultKind, Testbed

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Real clusters on this machine, to try and to test on.",
)

FolderOption = Annotated[
    Path | None,
    typer.Option(help="State folder; several testbeds can be up.", show_default=False),
]
ClusterName = Annotated[
    str, typer.Argument(metavar="CLUSTER", help="Such as onprem or cloud.", show_default=False)
]
HostName = Annotated[
    str, typer.Argument(metavar="HOST", help="Such as onprem-ctl or cloud-n1.", show_default=False)
]
SlurmCommand = Annotated[
    str,
    typer.Argument(metavar="COMMAND", help="sbatch, squeue, sinfo, scancel …", show_default=False),
]
TimesOption = Annotated[
    int | None, typer.Option(min=1, help="Hit so many calls only.", show_default=False)
]
_FAULTS = "Faults"
_LOOK = {"slurm": "sinfo", "gridengine": "qstat -f", "condor": "condor_status"}
_ON_A_HOST = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def _folder(folder: Path | None) -> Path:
    return (folder or state_folder() / "testbed").expanduser().absolute()


def _testbed(folder: Path | None) -> Testbed:
    return Testbed.attach(_folder(folder))


def _without_dashes(words: list[str]) -> list[str]:
    at = words.index("--") if "--" in words[:2] else len(words)
    return words[:at] + words[at + 1 :]


def _say(text: str, *, json: bool, **facts: Any) -> None:
    if json:
        output.print_json(facts)
    else:
        typer.echo(text)


@app.command(
    epilog="Examples: towline testbed up;  towline testbed up --cluster sge --cluster condor"
)
def up(
    cluster: Annotated[
        list[str] | None,
        typer.Option(
            help="Boot this one; may be repeated. There are onprem and cloud (both, unless said), "
            "slurm24 (Slurm 24.11), sge (Grid Engine), condor (HTCondor) and elastic (off).",
            show_default=False,
        ),
    ] = None,
    accounting: Annotated[
        bool | None,
        typer.Option(
            "--accounting/--no-accounting",
            help="Give cloud a slurmdbd, so that sacct works there; by default if it is installed.",
            show_default=False,
        ),
    ] = None,
    end_with: Annotated[
        int | None,
        typer.Option(metavar="PID", help="End with this process.", show_default=False),
    ] = None,
    folder: FolderOption = None,
    json: JsonOption = False,
) -> None:
    """Boot clusters and leave them running in the background."""

    def progress(doing: str) -> None:
        if not json:
            typer.echo(f"{doing} …", err=True)

    chosen = cluster or USUAL_CLUSTERS
    testbed = Testbed(_folder(folder), accounting, False, progress, end_with, chosen)
    testbed.up()
    status = testbed.status()
    config = shlex.quote(str(testbed.ssh_config))
    with_accounting = " and ".join(status["accounting"]) or "none of them"
    infos = list(testbed.clusters.values())
    on = [info for info in infos if not info.starts_off]
    names = " and ".join(info.name for info in on) or "The testbed"
    lines = [
        f"{names} {'are' if len(on) > 1 else 'is'} up in "
        f"{status['boot_seconds']} s. With accounting: {with_accounting}.",
        *(f"next: ssh -F {config} {info.name} {_LOOK[info.scheduler]}" for info in on[:1]),
        *(
            f"      towline cluster add {info.name} --host {info.name}{_option(info.scheduler)}"
            f" --ssh-config {config}"
            for info in on
        ),
        *(
            f"      towline cluster add {info.name} --type local-elastic --no-check"
            f" --set testbed={shlex.quote(str(testbed.folder))}"
            for info in infos
            if info.starts_off
        ),
        "      towline testbed down",
    ]
    _say(
        "\n".join(lines),
        json=json,
        ssh_config=str(testbed.ssh_config),
        **status,
    )


def _option(scheduler: str) -> str:
    return "" if scheduler == "slurm" else f" --type {scheduler}"


@app.command(epilog="Example: towline testbed down")
def down(folder: FolderOption = None, json: JsonOption = False) -> None:
    """End every process of the testbed and remove its folder; no error when there is none."""
    where = _folder(folder)
    there_was = where.exists()
    if there_was:
        Testbed(where).down()
    text = "The testbed is down; nothing of it is left." if there_was else "No testbed was up."
    _say(text, json=json, folder=str(where), there_was=there_was)


@app.command(epilog="Example: towline testbed status --json")
def status(folder: FolderOption = None, json: JsonOption = False) -> None:
    """Show which hosts have power and which faults are in effect."""
    testbed = _testbed(folder)
    seen = testbed.status()
    if json:
        output.print_json({"ssh_config": str(testbed.ssh_config), **seen})
        return
    output.print_table(
        ["host", "power"], [[name, "on" if on else "off"] for name, on in seen["hosts"].items()]
    )
    for name, cluster in seen["clusters"].items():
        count = cluster.pop("connections")["open"]
        faults = [f"{key}: {value}" for key, value in cluster.items() if value]
        typer.echo(f"{name}: {count} connections; {'; '.join(faults) or 'no fault'}")
    typer.echo(f"ssh -F {shlex.quote(str(testbed.ssh_config))} onprem")


@app.command(
    "exec",
    context_settings=_ON_A_HOST,
    epilog="Examples: towline testbed exec onprem-ctl scontrol show nodes;  "
    "towline testbed exec --user jdoe onprem-n1 id",
)
def execute(
    host: HostName,
    command: Annotated[list[str], typer.Argument(help="What to run.", show_default=False)],
    user: Annotated[
        str | None, typer.Option(help="Who runs it; root by default.", show_default=False)
    ] = None,
    folder: FolderOption = None,
) -> None:
    """Run a command on a host, as root; on host "ws" with the workspace's network."""
    argv = _testbed(folder).exec_argv(host, _without_dashes(command), user)
    os.execvp(argv[0], argv)  # noqa: S606 - no shell is wanted


@app.command(
    context_settings=_ON_A_HOST,
    epilog="Examples: towline testbed ssh onprem;  towline testbed ssh cloud sinfo;  "
    "towline testbed ssh -l otp onprem",
)
def ssh(
    words: Annotated[
        list[str],
        typer.Argument(metavar="[OPTIONS OF SSH] HOST [COMMAND]", show_default=False),
    ],
    folder: FolderOption = None,
) -> None:
    """Log in to onprem, cloud or gate (or onprem-via-gate …), or run a command there."""
    argv = ["ssh", "-F", str(_testbed(folder).ssh_config), *_without_dashes(words)]
    os.execvp("ssh", argv)  # noqa: S606 - no shell is wanted


@app.command(epilog="Example: towline testbed heal", rich_help_panel=_FAULTS)
def heal(folder: FolderOption = None, json: JsonOption = False) -> None:
    """Undo all faults, cancel all jobs, wait until every node is idle."""
    _testbed(folder).heal()
    _say("All is well.", json=json)


@app.command(epilog="Example: towline testbed cut onprem", rich_help_panel=_FAULTS)
def cut(cluster: ClusterName, folder: FolderOption = None, json: JsonOption = False) -> None:
    """Break off a cluster's SSH connections and refuse new ones."""
    _testbed(folder).cut(cluster)
    _say(f"{cluster} is cut off. next: towline testbed restore {cluster}", json=json)


@app.command(epilog="Example: towline testbed restore onprem", rich_help_panel=_FAULTS)
def restore(cluster: ClusterName, folder: FolderOption = None, json: JsonOption = False) -> None:
    """Undo cut."""
    _testbed(folder).restore(cluster)
    _say(f"{cluster} can be reached.", json=json)


@app.command(epilog="Example: towline testbed freeze cloud", rich_help_panel=_FAULTS)
def freeze(cluster: ClusterName, folder: FolderOption = None, json: JsonOption = False) -> None:
    """Lose every packet of a cluster; connections are not told."""
    _testbed(folder).freeze(cluster)
    _say(f"{cluster} is frozen. next: towline testbed thaw {cluster}", json=json)


@app.command(epilog="Example: towline testbed thaw cloud", rich_help_panel=_FAULTS)
def thaw(cluster: ClusterName, folder: FolderOption = None, json: JsonOption = False) -> None:
    """Undo freeze."""
    _testbed(folder).thaw(cluster)
    _say(f"{cluster} goes on.", json=json)


@app.command(
    "round-trip", epilog="Example: towline testbed round-trip cloud 80", rich_help_panel=_FAULTS
)
def round_trip(
    cluster: ClusterName,
    milliseconds: Annotated[float, typer.Argument(min=0, help="0 for none.")],
    folder: FolderOption = None,
    json: JsonOption = False,
) -> None:
    """Add round-trip time to a cluster."""
    by = _testbed(folder).set_round_trip(cluster, milliseconds)
    _say(f"{cluster}: {milliseconds:g} ms are added by {by}.", json=json, by=by)


@app.command(epilog="Example: towline testbed unplug onprem-n1", rich_help_panel=_FAULTS)
def unplug(host: HostName, folder: FolderOption = None, json: JsonOption = False) -> None:
    """Pull a host's power plug."""
    _testbed(folder).unplug(host)
    _say(f"{host} has no power. next: towline testbed plug-in {host}", json=json)


@app.command(
    "plug-in", epilog="Example: towline testbed plug-in onprem-n1", rich_help_panel=_FAULTS
)
def plug_in(host: HostName, folder: FolderOption = None, json: JsonOption = False) -> None:
    """Undo unplug."""
    _testbed(folder).plug_in(host)
    _say(f"{host} has booted.", json=json)


@app.command(
    "power-cycle", epilog="Example: towline testbed power-cycle cloud-ctl", rich_help_panel=_FAULTS
)
def power_cycle(host: HostName, folder: FolderOption = None, json: JsonOption = False) -> None:
    """Pull a host's power plug and put it in again."""
    _testbed(folder).power_cycle(host)
    _say(f"{host} has booted.", json=json)


@app.command(
    "fill-disk", epilog="Example: towline testbed fill-disk onprem", rich_help_panel=_FAULTS
)
def fill_disk(
    cluster: ClusterName,
    leave_bytes: Annotated[int, typer.Option(min=0, help="Bytes that still fit.")] = 0,
    folder: FolderOption = None,
    json: JsonOption = False,
) -> None:
    """Fill a cluster's /home."""
    _testbed(folder).fill_disk(cluster, leave_bytes)
    _say(f"{cluster}: /home is full. next: towline testbed free-disk {cluster}", json=json)


@app.command(
    "free-disk", epilog="Example: towline testbed free-disk onprem", rich_help_panel=_FAULTS
)
def free_disk(cluster: ClusterName, folder: FolderOption = None, json: JsonOption = False) -> None:
    """Undo fill-disk."""
    _testbed(folder).free_disk(cluster)
    _say(f"{cluster}: /home has space.", json=json)


@app.command(
    "fault-command",
    epilog="Examples: towline testbed fault-command onprem squeue hang;  "
    "towline testbed fault-command cloud sbatch fail --message 'sbatch: error: no' --times 2",
    rich_help_panel=_FAULTS,
)
def fault_command(
    cluster: ClusterName,
    command: SlurmCommand,
    kind: Annotated[
        FaultKind,
        typer.Argument(
            metavar="KIND",
            help="hang; fail; late: starts late; late_answer: works at once, answers late; "
            "lost_answer: works, then fails.",
            show_default=False,
        ),
    ],
    seconds: Annotated[float, typer.Option(min=0, help="How late.")] = 10.0,
    message: Annotated[str, typer.Option(help="Said on standard error.")] = "testbed: no",
    exit_code: Annotated[int, typer.Option(min=1, max=255, help="Of fail, lost_answer.")] = 1,
    times: TimesOption = None,
    folder: FolderOption = None,
    json: JsonOption = False,
) -> None:
    """Make a scheduler command hang, fail or answer late."""
    fault = CommandFault(kind, seconds, message, exit_code, times)
    _testbed(folder).fault_command(cluster, command, fault)
    _say(
        f"{cluster}: {command}: {kind}. next: towline testbed heal-command {cluster} {command}",
        json=json,
    )


@app.command(
    "heal-command",
    epilog="Example: towline testbed heal-command onprem squeue",
    rich_help_panel=_FAULTS,
)
def heal_command(
    cluster: ClusterName,
    command: SlurmCommand,
    folder: FolderOption = None,
    json: JsonOption = False,
) -> None:
    """Undo fault-command."""
    _testbed(folder).heal_command(cluster, command)
    _say(f"{cluster}: {command} works.", json=json)
