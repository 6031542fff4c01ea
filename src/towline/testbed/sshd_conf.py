"""The text of the hosts' sshd configuration and of its second factor."""

from __future__ import annotations

from collections.abc import Sequence

from towline.testbed.spec import Cluster, Gate, User

_SSHD_CONFIG = """\
Port 22
ListenAddress {address}
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
PubkeyAuthentication yes
AuthorizedKeysFile .ssh/authorized_keys
UsePAM yes
UseDNS no
PrintMotd no
PrintLastLog no
MaxStartups 50:30:100
MaxSessions 50
X11Forwarding no
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
{forwarding}"""

_SECOND_FACTOR = """\
Match User {name}
  KbdInteractiveAuthentication yes
  AuthenticationMethods publickey,keyboard-interactive
"""

_NOISY = """\
Match User {name}
  Banner /etc/ssh/banner
"""

BANNER = "*** This is a noisy site. All your sessions are watched. ***\n"

NOISY_BASHRC = """\
echo "Welcome to the noisy site!"
echo "Quota: 97% used, please clean up." >&2
printf 'no newline at the end'
"""

# Only keyboard-interactive asks PAM's "auth" lines; keys pass them by. The second one is there
# because pam_exec has no answer to "set credentials", which sshd takes for a failure.
PAM_SSHD = """\
auth requisite pam_exec.so quiet expose_authtok /usr/local/sbin/check-one-time-code
auth required pam_permit.so
account required pam_permit.so
session required pam_permit.so
"""

CHECK_ONE_TIME_CODE = """\
#!/bin/sh
# PAM gives what the user typed on stdin, ended by a zero byte.
typed=$(tr -d '\\000')
[ "$typed" = "$(cat /etc/one-time-code)" ]
"""


def sshd_config(host: Cluster | Gate) -> str:
    """Return the ``sshd_config`` of a controller or of the bastion."""
    if isinstance(host, Gate):
        return _render(host.address, "AllowTcpForwarding yes\n", (host.user,))
    if host.forwarding:
        allowed = "yes" if host.gateway_ports else "no"
        forwarding = f"AllowTcpForwarding yes\nGatewayPorts {allowed}\n"
    else:
        forwarding = "DisableForwarding yes\n"
    return _render(host.address, forwarding, host.users)


def _render(address: str, forwarding: str, users: Sequence[User]) -> str:
    text = _SSHD_CONFIG.format(address=address, forwarding=forwarding)
    for user in users:
        if user.second_factor:
            text += _SECOND_FACTOR.format(name=user.name)
        if user.noisy:
            text += _NOISY.format(name=user.name)
    return text
