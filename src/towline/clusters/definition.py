"""What a user writes about a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from towline.clusters.memory import ClusterMemory
from towline.clusters.spelling import (
    HostName,
    IPv4,
    LocalPath,
    Name,
    RemoteFolder,
    RemoteProgram,
    SshWord,
    Word,
)
from towline.errors import DefinitionError

if TYPE_CHECKING:
    from towline.clusters.types import ClusterType
    from towline.ssh import Destination

WRONG_TYPE = "cluster_type"
"""Pydantic's name for the mistake of a `type` that there is not."""


class NodePrice(BaseModel):
    """What one node costs, as the site charges it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    amount: float = Field(ge=0, allow_inf_nan=False, description="Price of one node for an hour.")
    currency: str = Field(
        pattern="^[A-Z]{3}$", description="Its currency: three capitals, such as `EUR`."
    )


class ClusterDefinition(BaseModel):
    """A cluster as the user describes it: who to reach, and how; the rest is discovered.

    The base of all types' forms. `ClusterDefinition.model_validate` returns an instance of the
    form that belongs to the `type`; a type without keys of its own has this very one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, title="Cluster")

    name: Name = Field(description="Name of the cluster, and of its file.")
    type: str = Field(
        default="slurm",
        description="Its kind: the scheduler `slurm`, `pbs` (PBS Pro, OpenPBS), `torque`, `lsf`, "
        "`gridengine` or `condor` (HTCondor); `ssh`: a host without a scheduler; workers run on "
        "it. `local`: workers run on this machine. Installed plug-ins add others.",
    )
    host: HostName | None = Field(
        default=None,
        description="Controller (login or head node): a host name, an address, or a `Host` of "
        "the SSH configuration. Needed unless the type is `local` or makes its own controller.",
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
    cost_per_node_hour: NodePrice | None = Field(
        default=None,
        description="What a node costs an hour, `{amount: 1.20, currency: EUR}`; unknown when "
        "absent, never taken for nothing.",
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

    @model_validator(mode="wrap")
    @classmethod
    def _in_the_form_of_its_type(
        cls, values: Any, handler: ModelWrapValidatorHandler[ClusterDefinition]
    ) -> ClusterDefinition:
        if not isinstance(values, Mapping):
            return handler(values)
        form = _form(values.get("type", "slurm"))
        made = handler(values) if issubclass(cls, form) else form.model_validate(values)
        return made._with_the_host_that_fits()

    def _with_the_host_that_fits(self) -> ClusterDefinition:
        from towline.clusters.types import Way

        if self.kind.way is Way.HOST and self.host is None:
            raise ValueError("host is missing: the controller's name or address")
        if self.kind.way is Way.HERE and self.host is not None:
            raise ValueError(f"a cluster of type {self.type} is this machine: it has no host")
        if self.kind.way is Way.FOUND and self.host is not None:
            raise ValueError(f"a cluster of type {self.type} makes its controller: it has no host")
        return self

    @property
    def kind(self) -> ClusterType:
        """The cluster's type."""
        from towline.clusters.types import type_of

        return type_of(self)

    @property
    def scheduler(self) -> str | None:
        """Key of its scheduler; None: workers run on the controller itself."""
        return self.kind.scheduler

    @property
    def here(self) -> bool:
        """Whether its controller is this machine, so that no SSH is needed."""
        from towline.clusters.types import Way

        return self.kind.way is Way.HERE

    @property
    def elastic(self) -> bool:
        """Whether switching it off ends machines."""
        return self.kind.elastic

    def destination(self) -> Destination:
        """Return where SSH finds the controller.

        Raises:
            ValueError: its controller is this machine, which no SSH reaches.
            DefinitionError: it makes its own controller, and is off.

        """
        from towline.ssh import Destination

        if self.here:
            raise ValueError(f"cluster {self.name} is this machine: nothing to connect to")
        where: dict[str, Any] = {
            "host": self.host,
            "user": self.user,
            "port": self.port,
            "jump": self.jump,
            "identity_file": _expanded(self.identity_file),
            "config_file": _expanded(self.ssh_config),
        }
        if self.host is None:
            where |= self._found_controller()
        return Destination(
            name=self.name,
            persist_seconds=self.persist_seconds,
            connections_per_minute=self.connections_per_minute,
            **where,
        )

    def _found_controller(self) -> dict[str, Any]:
        found = ClusterMemory(self.name).controller()
        if found is None:
            raise DefinitionError(
                f"cluster {self.name}", "is off", f"towline cluster on {self.name} --wait"
            )
        paths = [key for key in ("identity_file", "config_file") if key in found]
        return found | {key: Path(found[key]) for key in paths}


def _expanded(path: str | None) -> Path | None:
    return None if path is None else Path(path).expanduser()


def _form(key: object) -> type[ClusterDefinition]:
    from towline.clusters.types import UnknownType, type_named

    try:
        return type_named(key).form
    except UnknownType as error:
        words = PydanticCustomError(WRONG_TYPE, "{words}", {"words": str(error)})
        wrong = InitErrorDetails(type=words, loc=("type",), input=key)
        raise ValidationError.from_exception_data("Cluster", [wrong]) from None
