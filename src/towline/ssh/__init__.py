"""The user's OpenSSH: one shared connection a cluster; run, copy, log in."""

from towline.ssh.connection import CommandResult, Connection
from towline.ssh.destination import Destination
from towline.ssh.quoting import quote, quote_path
from towline.ssh.transfer import Copied

__all__ = ["CommandResult", "Connection", "Copied", "Destination", "quote", "quote_path"]
