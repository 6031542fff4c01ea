"""What a user writes about a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from towline.clusters._spelling import (
    HostName,
    IPv4,
    LocalPath,
    Name,
    RemoteFolder,
    RemoteProgram,
    SshWord,
    Word,
)

if TYPE_CHECKING:
    from towline.ssh import Destination


class ClusterDefinition(BaseModel):
    """A cluster as the user describes it: who to reach, and how; the rest is discovered."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Cluster")

    name: Name = Field(description="Name of the cluster, and of its file.")
    type: Literal["slurm", "pbs", "torque", "lsf", "gridengine", "condor", "ssh", "local"] = Field(
        default="slurm",
        description="Its scheduler: `slurm`, `pbs` (PBS Pro, OpenPBS), `torque`, `lsf`, "
        "`gridengine` or `condor` (HTCondor). `ssh`: a host without a scheduler; workers run on "
        "it. `local`: workers run on this machine.",
    )
    host: HostName | None = Field(
        default=None,
        description="Controller (login or head node): a host name, an address, or a `Host` of "
        "the SSH configuration. Needed unless the type is `local`.",
    )
    user: SshWord | None = Field(
        default=None,
        description="User on the controller; what the SSH configuration says when absent.",
    )
    port: int | None = Field(
        default=None, ge=1, le=65535, description="SSH port of the controller."
    )
    jump: SshWord | None = Field(
        default=None,
        description="Hosts to go through, as `ssh -J` takes them: `user@gate:22,second`.",
    )
    identity_file: LocalPath | None = Field(
        default=None,
        description="Private key on the workspace; the agent's and the usual ones otherwise.",
    )
    ssh_config: LocalPath | None = Field(
        default=None, description="SSH configuration to use in place of `~/.ssh/config`."
    )
    address: IPv4 | None = Field(
        default=None,
        description="The controller's IPv4 address as its nodes reach it; discovered when absent.",
    )
    python: RemoteProgram | None = Field(
        default=None,
        description="Python 3.6 or newer on the controller, for the link's agent (an absolute "
        "path); discovered when absent.",
    )
    root: RemoteFolder = Field(
        default="~/.towline",
        description="Folder on the cluster for all that Towline keeps there; nodes must see it.",
    )
    partitions: list[Word] | None = Field(
        default=None,
        min_length=1,
        description="Partitions to offer, the preferred one first; all that the scheduler shows "
        "when absent.",
    )
    description: str = Field(default="", max_length=100, description="One line about the cluster.")
    tags: list[Word] = Field(default_factory=list, description="Words to find the cluster by.")
    persist_seconds: int = Field(
        default=600, ge=1, description="Seconds for which an unused SSH connection stays open."
    )
    connections_per_minute: int = Field(
        default=10,
        ge=1,
        description="New SSH connections a minute at most; sites ban hosts that hammer.",
    )
    lease_seconds: int = Field(
        default=900,
        ge=10,
        description="Seconds for which a run's jobs go on without the workspace; then they are "
        "ended from the controller.",
    )

    @model_validator(mode="after")
    def _host_fits_type(self) -> ClusterDefinition:
        if self.type == "local" and self.host is not None:
            raise ValueError("a cluster of type local is this machine: it has no host")
        if self.type != "local" and self.host is None:
            raise ValueError("host is missing: the controller's name or address")
        return self

    def destination(self) -> Destination:
        """Return where SSH finds the controller.

        Raises:
            ValueError: the type is `local`, which no SSH reaches.

        """
        from towline.ssh import Destination

        if self.host is None:
            raise ValueError(f"cluster {self.name} is this machine: nothing to connect to")
        return Destination(
            name=self.name,
            host=self.host,
            user=self.user,
            port=self.port,
            jump=self.jump,
            identity_file=_expanded(self.identity_file),
            config_file=_expanded(self.ssh_config),
            persist_seconds=self.persist_seconds,
            connections_per_minute=self.connections_per_minute,
        )


def _expanded(path: str | None) -> Path | None:
    return None if path is None else Path(path).expanduser()
