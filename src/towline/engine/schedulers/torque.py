"""Torque (4 to 6), and Slurm's wrappers that speak like it."""

from __future__ import annotations

from towline.engine.schedulers.pbs import PbsFamily
from towline.engine.schedulers.pbs_answers import TORQUE_CODES, TORQUE_STATES


class Torque(PbsFamily):
    """Torque's commands over SSH, as a Scheduler.

    It shows ended jobs for as long as the site keeps them (``keep_completed``, five minutes
    unless changed); ``-x`` would mean XML to it.
    """

    name = "torque"
    states = TORQUE_STATES
    codes = TORQUE_CODES
