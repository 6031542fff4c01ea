"""Without root the testbed does the same, in a user namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import towline

SOURCES = Path(towline.__file__).parent

# A user is made in a copy of /etc that only this test's mount namespace sees.
AS_A_NEW_USER = """
set -e
mount -t tmpfs -o mode=755 none /mnt
cp -a /etc /mnt/etc && mount --bind /mnt/etc /etc
useradd --create-home --home-dir /mnt/home --shell /bin/sh ordinary
cp -r "$1" /mnt/towline
cp "$2" /mnt/script.py
chmod -R a+rX /mnt/towline /mnt/script.py
cd /mnt/home
exec setpriv --reuid=ordinary --regid=ordinary --init-groups \
    env -i HOME=/mnt/home PATH=/usr/bin:/bin PYTHONPATH=/mnt /usr/bin/python3 /mnt/script.py
"""

SCRIPT = """
import os
from pathlib import Path
from towline.testbed import Testbed, what_is_missing
assert os.getuid() != 0
assert not what_is_missing(), what_is_missing()
with Testbed(Path.home() / "state") as testbed:
    for cluster in ("onprem", "cloud"):
        print(testbed.ssh(cluster, "id -un; srun -N2 true && echo two nodes").stdout)
    print(testbed.exec("onprem-n1", ["id", "-u"], user="jdoe").stdout)
    with testbed.fill_disk("onprem"):
        print(testbed.ssh("onprem", "echo x > x", check=False).stderr)
    with testbed.cut("cloud"):
        print(testbed.ssh("cloud", "true", check=False).stderr)
    testbed.power_cycle("cloud-ctl")
    testbed.heal()
assert not (Path.home() / "state").exists()
print("done")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: the other testbed tests are rootless")
def test_an_ordinary_user_gets_the_same_testbed(testbed_can_run: None, tmp_path: Path) -> None:
    """An unprivileged user with newuidmap boots, uses, breaks and removes a testbed."""
    for program, package in (("newuidmap", "uidmap"), ("useradd", "passwd")):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"):
            pytest.skip(f"ROOTLESS TESTBED NOT TESTED; type: apt-get install {package}")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", AS_A_NEW_USER, "sh", str(SOURCES), str(script)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    for words in ("jdoe\ntwo nodes", "demo\ntwo nodes", "5001", "No space left", "refused", "done"):
        assert words in done.stdout
