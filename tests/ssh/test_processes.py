"""Which ssh processes are masters of a socket."""

from __future__ import annotations

from pathlib import Path

from towline.ssh.processes import masters_in

LISTING = """\
  101 ssh -F /run/t/ab12.conf -M -N -f -S /run/t/ab12.s -o ControlPersist=600 -- onprem
  102 ssh: /run/t/ab12.s [stopped mux]
  103 ssh -F none -T -S /run/t/ab12.s -o ControlMaster=no cluster exec /bin/sh
  104 ssh -F /run/t/ab12.conf -W [10.0.0.1]:22 gate
  105 ssh -F /run/t/ab12.conf -M -N -f -S /run/t/ab12.s2 -o ControlPersist=600 -- other
  106 vi /run/t/ab12.s
  107 ssh: /run/t/ab12.s [mux]
"""


def test_only_masters_of_this_socket_are_found() -> None:
    assert masters_in(LISTING, Path("/run/t/ab12.s"), retired=False) == [101, 107]
    assert masters_in(LISTING, Path("/run/t/ab12.s"), retired=True) == [101, 102, 107]
