"""The reconciler: looks after all clusters, and makes what is observed what is wanted.

One supervisor on the event loop; visits run in threads, so many at a time, and clusters that could
not be seen last time have threads of their own, so that they keep nobody waiting. What a visit
brought is judged by what is wanted *then*. Every state is in the database: a server that was killed
goes on where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from functools import partial

from sqlalchemy import delete, select

from towline.clusters import CheckStep, ClusterDefinition, ClusterMemory, ClusterStore, examine
from towline.clusters.power import Desired, PowerState
from towline.clusters.switching import (
    UNWATCHED_SECONDS,
    WATCHED_SECONDS,
    Visit,
    judge,
    needs_asking,
    pause,
    visit,
)
from towline.clusters.types import Power
from towline.errors import CapacityMissing, CommandTimedOut, TowlineError
from towline.server.control.definitions import Definitions
from towline.server.control.lanes import Lane, in_thread
from towline.server.control.living import LivingRuns
from towline.server.control.logins import Logins
from towline.server.control.managed import SAVE_SECONDS, Check, Managed
from towline.store import ClusterRecord, Store

HEALTHY_AT_ONCE, SLOW_AT_ONCE = 12, 12
FILES_SECONDS = 5.0
"""How often the folder of definitions is looked at."""
WATCHED_FOR = 60.0
"""Somebody who asked for a cluster is taken to watch it for so long."""
VISIT_SECONDS = 180.0
"""A visit that takes longer hangs: every command in it has a shorter limit of its own."""

_log = logging.getLogger(__name__)


class ClusterReconciler:
    """All clusters of this server.

    Args:
        store: where what is wanted and seen is kept.
        living: the runs that use clusters now.
        publish: told of each change of a cluster, by its name; ``gone`` when it is removed.
        definitions: the files.

    """

    def __init__(
        self,
        store: Store,
        living: LivingRuns,
        publish: Callable[..., object],
        definitions: ClusterStore,
    ) -> None:
        self._store = store
        self._living = living
        self._publish = publish
        self._files = Definitions(definitions)
        self._reading = asyncio.Lock()
        self.editing = asyncio.Lock()
        """Held by whoever compares a definition's file and then writes it."""
        self.clusters: dict[str, Managed] = {}
        self._wake = asyncio.Event()
        self._lanes = Lane(HEALTHY_AT_ONCE, "towline-look"), Lane(SLOW_AT_ONCE, "towline-slow")
        self._visits: set[asyncio.Task[None]] = set()
        self._supervisor: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.logins = Logins(self._asked, self._login_ended)

    async def start(self) -> None:
        """Read definitions and what an earlier server knew; then look after them all."""
        self._loop = asyncio.get_running_loop()
        async with self._store.session() as session:
            rows = {row.name: row for row in await session.scalars(select(ClusterRecord))}
        await self.refresh()
        for name, row in rows.items():
            if (managed := self.clusters.get(name)) is not None:
                managed.restore(row)
                managed.asked_now = False
        for name in rows.keys() - self.clusters.keys():
            await self._forget_row(name)
        self._supervisor = asyncio.create_task(self._supervise(), name="clusters")

    async def close(self) -> None:
        """Stop looking; nothing on any cluster ends with it."""
        tasks = [*self._visits, *([self._supervisor] if self._supervisor else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for name in self.clusters:
            self.logins.give_up(name)
        await self._save([each for each in self.clusters.values() if each.dirty])

    # --- what routes ask ---------------------------------------------------------------------

    def get(self, name: str) -> Managed | None:
        """Return a cluster; None when there is none of this name."""
        return self.clusters.get(name)

    async def find(self, name: str) -> Managed | None:
        """Return a cluster, also one whose file somebody has just written."""
        if name not in self.clusters:
            there = await in_thread(partial(self._files.has, name), "towline-files")
            if there:
                await self.refresh()
        return self.clusters.get(name)

    def watch(self, managed: Managed) -> None:
        """Note that somebody looks at a cluster; it is visited soon when it was not of late."""
        managed.watched = time.monotonic()
        if managed.looked and managed.due > managed.looked + WATCHED_SECONDS:
            managed.due = managed.looked + WATCHED_SECONDS
            self._wake.set()

    def runs_on(self, name: str) -> list[int]:
        """Return the numbers of the living runs that use a cluster."""
        return self._living.on(name)

    async def refresh(self) -> None:
        """Read the definitions that have changed."""
        async with self._reading:
            await self._refresh()

    async def _refresh(self) -> None:
        changes = await in_thread(self._files.changes, "towline-files")
        for name in changes.gone:
            self.clusters.pop(name, None)
            self.logins.give_up(name)
            await self._forget_row(name)
            self._publish(name, gone=True)
        for name, read in changes.read.items():
            managed = self.clusters.get(name)
            if managed is None:
                managed = Managed(name, read.definition, read.wrong, read.stamp)
                self.clusters[name] = managed
            else:
                managed.definition, managed.wrong = read.definition, read.wrong
                managed.stamp = read.stamp
            self._ask_again(managed)
            self._publish(name)

    async def want(self, managed: Managed, desired: Desired) -> None:
        """Note what somebody wants of a cluster, and begin at once.

        Raises:
            ClusterInUse: it is to be off, and runs use it.
            DefinitionError: its definition is wrong.

        """
        if managed.wrong is not None:
            raise managed.wrong
        if desired is Desired.OFF:
            await self.refuse_if_in_use(managed, "switching it off")
        if desired is Desired.OFF:
            self.logins.give_up(managed.name)
        managed.desired, managed.let_be = desired, False
        moving = PowerState.STARTING if desired is Desired.ON else PowerState.STOPPING
        if managed.state.value != desired.value:
            if moving is PowerState.STOPPING and managed.state is PowerState.OFF:
                moving = PowerState.OFF
            managed.move(moving, "", None)
        managed.asked_now = True
        self._ask_again(managed)
        await self._save([managed])
        self._publish(managed.name)

    async def refuse_if_in_use(self, managed: Managed, doing: str) -> None:
        """Raise ClusterInUse, with the runs that ``doing`` this would break, if there are any."""
        await self._living.refuse_if_any(managed.name, doing)

    def start_check(self, managed: Managed, **options: object) -> Check:
        """Begin to check the way to a cluster; return the check that is going on, if one is."""
        if managed.check is not None and managed.check.running:
            return managed.check
        if managed.wrong is not None or managed.definition is None:
            raise managed.wrong or RuntimeError("no definition")
        check = managed.check = Check(time.time())
        task = asyncio.create_task(self._examine(managed, check, managed.definition, options))
        self._visits.add(task)
        task.add_done_callback(self._visits.discard)
        self._publish(managed.name)
        return check

    # --- the supervisor ----------------------------------------------------------------------

    async def _supervise(self) -> None:
        files_due = time.monotonic() + FILES_SECONDS
        while True:
            self._wake.clear()
            now = time.monotonic()
            if now >= files_due:
                try:
                    await self.refresh()
                    await self._living.refresh()
                except Exception:  # whatever it was, the clusters must be looked after
                    _log.exception("the clusters' files could not be looked at")
                files_due = now + FILES_SECONDS
            for managed in list(self.clusters.values()):
                if not managed.busy and managed.definition is not None and managed.due <= now:
                    self._send_visitor(managed)
            waiting = [c.due for c in self.clusters.values() if not c.busy and c.definition]
            rest = min([files_due, *waiting]) - time.monotonic()
            # Not wait_for: before Python 3.12 it can swallow a cancellation.
            alarm = asyncio.get_running_loop().call_later(max(0.01, rest), self._wake.set)
            try:
                await self._wake.wait()
            finally:
                alarm.cancel()

    def _send_visitor(self, managed: Managed) -> None:
        managed.busy = True
        task = asyncio.create_task(self._visit(managed), name=f"cluster {managed.name}")
        self._visits.add(task)
        task.add_done_callback(self._visits.discard)

    async def _visit(self, managed: Managed) -> None:
        try:
            await self._visit_once(managed)
        except asyncio.CancelledError:
            raise
        except Exception:
            _log.exception("cluster %s could not be looked after", managed.name)
            managed.due = time.monotonic() + UNWATCHED_SECONDS
        finally:
            managed.busy = False
            self._wake.set()

    async def _visit_once(self, managed: Managed) -> None:
        generation, definition = managed.generation, managed.definition
        assert definition is not None  # noqa: S101 - the supervisor has looked
        now = time.monotonic()
        logging_in = self.logins.going_on(managed.name)
        may_step = not managed.blocked and now >= managed.step_due and not logging_in
        desired = managed.pursued
        if desired is Desired.OFF:
            await self._living.refresh(now=True)
        power = self._power(managed, definition)
        work = partial(visit, power, desired, may_step=may_step)
        lane = self._lanes[bool(managed.failures)]
        late = partial(self._overdue, managed, generation)
        seen = await lane.run(work, limit=VISIT_SECONDS, late=late)
        if self.clusters.get(managed.name) is not managed:
            return
        news = managed.see(seen)
        managed.looked = time.monotonic()
        if generation != managed.generation:
            managed.due = 0.0
            return
        managed.asked_now = False
        changed = self._conclude(managed, seen, may_step=may_step)
        if managed.desired is Desired.OFF and managed.state is PowerState.OFF:
            managed.let_be = not definition.elastic
        if changed or news:
            self._publish(managed.name)
        if changed or time.monotonic() - managed.saved > SAVE_SECONDS:
            await self._save([managed])

    def _overdue(self, managed: Managed, generation: int) -> None:
        """Say of a cluster whose visit does not end that nothing is known of it."""
        if generation == managed.generation:
            words = f"its look has not ended within {VISIT_SECONDS:.0f} s"
            trouble = CommandTimedOut(f"cluster {managed.name}", words, "wait, or look at its type")
            managed.failures += 1
            managed.move(PowerState.UNKNOWN, words, trouble)
            self._publish(managed.name)

    def _conclude(self, managed: Managed, seen: Visit, *, may_step: bool) -> bool:
        state, reason = judge(managed.pursued, seen)
        trouble = seen.trouble
        managed.failures = managed.failures + 1 if state is PowerState.UNKNOWN else 0
        watched = managed.is_watched(WATCHED_FOR) or bool(self._living.on(managed.name))
        rest = pause(state, seen, watched=watched, failures=max(1, managed.failures))
        if seen.stepped and needs_asking(trouble):
            managed.blocked = True
        if isinstance(trouble, CapacityMissing):
            managed.step_due = time.monotonic() + trouble.retry_seconds
        held_back = trouble is None and not may_step and managed.trouble is not None
        if held_back and state in (PowerState.STARTING, PowerState.STOPPING):
            # Nothing was tried, so what stood in the way still does.
            state, reason, trouble = managed.state, managed.reason, managed.trouble
            rest = WATCHED_SECONDS if watched else UNWATCHED_SECONDS
            if managed.step_due > time.monotonic():
                rest = min(rest, managed.step_due - time.monotonic())
        managed.due = time.monotonic() + rest
        managed.dirty = True
        return managed.move(state, reason, trouble)

    def _power(self, managed: Managed, definition: ClusterDefinition) -> Power:
        runs = self.runs_on(managed.name)
        steps: list[CheckStep] = []

        def checked(step: CheckStep) -> None:
            steps.append(step)
            over = [*steps]
            self._on_loop(lambda: self._checked(managed, over))

        return Power(
            definition=definition,
            memory=ClusterMemory(managed.name),
            in_use=tuple(f"run {number}" for number in runs),
            asked_now=managed.asked_now,
            log_in=partial(self._log_in, managed.name) if managed.asked_now else lambda c: None,
            checked=checked,
        )

    def _log_in(self, name: str, connection: object) -> None:
        self.logins.begin(name, connection)  # type: ignore[arg-type]

    async def _examine(
        self,
        managed: Managed,
        check: Check,
        definition: ClusterDefinition,
        options: Mapping[str, object],
    ) -> None:
        def work() -> None:
            def starting(doing: str) -> None:
                self._on_loop(lambda: setattr(check, "doing", doing))

            for step in examine(definition, starting=starting, **options):  # type: ignore[arg-type]
                self._on_loop(partial(self._add_step, managed, check, step))

        try:
            await self._lanes[1].run(work)
        finally:
            check.running, check.doing = False, ""
            managed.due = 0.0
            self._wake.set()
            self._publish(managed.name)

    def _add_step(self, managed: Managed, check: Check, step: CheckStep) -> None:
        check.steps.append(step)
        self._publish(managed.name)

    def _checked(self, managed: Managed, steps: list[CheckStep]) -> None:
        if managed.check is None or not managed.check.running:
            managed.check = Check(time.time(), steps, running=False)

    def _ask_again(self, managed: Managed) -> None:
        managed.generation += 1
        managed.blocked = False
        managed.failures = 0
        managed.step_due = managed.due = 0.0
        self._wake.set()

    # --- from threads ------------------------------------------------------------------------

    def _on_loop(self, work: Callable[[], object]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(work)

    def _asked(self, name: str) -> None:
        self._on_loop(lambda: self._publish(name))

    def _login_ended(self, name: str, trouble: TowlineError | None) -> None:
        self._on_loop(partial(self._after_login, name, trouble))

    def _after_login(self, name: str, trouble: TowlineError | None) -> None:
        managed = self.clusters.get(name)
        if managed is None:
            return
        if trouble is None:
            self._ask_again(managed)
        elif managed.desired is Desired.ON:
            managed.blocked = True
            managed.move(PowerState.INPUT_NEEDED, trouble.cause, trouble)
        self._publish(name)

    # --- the database ------------------------------------------------------------------------

    async def _save(self, managed: list[Managed]) -> None:
        if not managed:
            return
        rows = [each.row() for each in managed]
        for each in managed:
            each.saved, each.dirty = time.monotonic(), False
        async with self._store.writing() as session:
            for row in rows:
                await session.merge(row)

    async def _forget_row(self, name: str) -> None:
        async with self._store.writing() as session:
            await session.execute(delete(ClusterRecord).where(ClusterRecord.name == name))
