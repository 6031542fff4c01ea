"""The names of the agent's files: the folder ``link`` in the run's folder, and what is in it."""

LINK = "link"
SOCKET = "socket"
LOG = "log"
PID = "pid"
AGENT = "agent.json"
EXPIRED = "expired"
"""In the run's folder: a run that was abandoned says so, with when and why, as JSON."""
