"""The cluster type ``local-elastic``: a cluster of a testbed that is really off until it is on.

A plug-in like those of other packages: Towline finds it by its entry point, and nothing else here
or there knows it.
"""

from __future__ import annotations

import time

from pydantic import Field

from towline.clusters import ClusterDefinition, Desired, Observation, PowerState
from towline.clusters.spelling import LocalPath, Word
from towline.clusters.types import ExistingCluster, Power, Way
from towline.errors import CapacityMissing, HostUnreachable, SiteError, TestbedError
from towline.testbed.testbed import Testbed

BOOTING_SECONDS = 0.5
"""How soon to look at a boot again; a cloud takes a minute, this takes two seconds."""
CAPACITY_SECONDS = 60.0


class LocalElasticDefinition(ClusterDefinition):
    """What a user writes about a cluster of a testbed that can be switched."""

    testbed: LocalPath = Field(description="Folder of a testbed that is up.")
    testbed_cluster: Word = Field(
        default="elastic", description="Name of one of its clusters; `elastic` starts off."
    )


class LocalElastic(ExistingCluster):
    """Switches all hosts of one of a testbed's clusters."""

    key = "local-elastic"
    title = "Elastic Slurm on this machine"
    group = "Elastic clusters"
    description = "A Slurm cluster of a testbed: its hosts run only while it is on."
    form = LocalElasticDefinition
    scheduler = "slurm"
    way = Way.FOUND
    elastic = True

    def observe(self, power: Power) -> Observation:
        """Ask the testbed whether the hosts run, and the controller what it sees."""
        testbed, cluster = _testbed(power)
        seen = testbed.power(cluster)
        if seen["state"] == "on":
            power.memory.note(controller=_controller(testbed, cluster))
            shown = super().observe(power)
            if shown.state is PowerState.OFF:  # its hosts run, but runs cannot use them yet
                return shown.model_copy(update={"state": PowerState.STARTING})
            return shown
        power.memory.note(controller=None, checked=None)
        states = {"off": PowerState.OFF, "starting": PowerState.STARTING}
        return Observation(
            state=states.get(seen["state"], PowerState.ERROR),
            reason=seen["trouble"],
            registered_workers=0,
            requested_workers=len(testbed.clusters[cluster].nodes)
            if seen["state"] == "starting"
            else 0,
            observed_at=time.time(),
        )

    def step(self, power: Power, desired: Desired) -> float:
        """Ask for the hosts, connect when they run; or disconnect and give them back."""
        testbed, cluster = _testbed(power)
        state = testbed.power(cluster)["state"]
        if desired is Desired.OFF:
            if state == "on":
                power.memory.note(controller=_controller(testbed, cluster))
                super().step(power, desired)
            power.memory.note(controller=None, checked=None)
            testbed.power_off(cluster)
            return BOOTING_SECONDS
        if state == "on":
            power.memory.note(controller=_controller(testbed, cluster))
            return super().step(power, desired)
        if state == "failed" and not power.asked_now:
            raise SiteError(power.thing, testbed.power(cluster)["trouble"])
        if refused := testbed.power_on(cluster).get("refused"):
            raise CapacityMissing(
                power.thing,
                f"no capacity ({refused})",
                "nothing: it is tried again by itself; or switch it off",
                retry_seconds=CAPACITY_SECONDS,
            )
        return BOOTING_SECONDS


def _testbed(power: Power) -> tuple[Testbed, str]:
    definition = power.definition
    assert isinstance(definition, LocalElasticDefinition)  # noqa: S101 - the type's own form
    try:
        testbed = Testbed.attach(definition.testbed)
    except TestbedError as error:
        raise HostUnreachable(
            power.thing, f"{error.thing} {error.cause}", error.next_step
        ) from None
    cluster = definition.testbed_cluster
    if cluster not in testbed.clusters:
        there = ", ".join(testbed.clusters)
        raise SiteError(power.thing, f"the testbed has no cluster {cluster} (there: {there})")
    return testbed, cluster


def _controller(testbed: Testbed, cluster: str) -> dict[str, str]:
    return {"host": cluster, "config_file": str(testbed.ssh_config)}
