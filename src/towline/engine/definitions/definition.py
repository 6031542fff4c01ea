"""What stands behind one Parsl executor label."""

from __future__ import annotations

from pydantic import ConfigDict, model_validator

from towline.engine.definitions.container import ContainerKeys
from towline.engine.definitions.environment import EnvironmentKeys
from towline.engine.definitions.placement import PlacementKeys
from towline.engine.definitions.scaling import ScalingKeys
from towline.engine.definitions.values import WALLTIME


class ExecutorDefinition(ContainerKeys, EnvironmentKeys, ScalingKeys, PlacementKeys):
    """What stands behind one Parsl executor label."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    @model_validator(mode="after")
    def _consistent(self) -> ExecutorDefinition:
        if self.min_blocks > self.max_blocks or self.init_blocks > self.max_blocks:
            raise ValueError("min_blocks and init_blocks may not exceed max_blocks")
        for line in self.scheduler_options:
            if "\n" in line or "\r" in line or "\0" in line:
                raise ValueError(f"scheduler_options: {line!r} is not one directive")
        return self

    @property
    def walltime_minutes(self) -> int:
        """Return the time limit in minutes, rounded up."""
        match = WALLTIME.fullmatch(self.walltime)
        assert match is not None, "validated"  # noqa: S101
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return (days * 24 + hours) * 60 + minutes + (1 if seconds else 0)
