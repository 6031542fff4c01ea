"""What an empty server takes: seconds until it answers, memory and CPU at rest.

python bench/server_footprint.py [--times 5]
"""

from __future__ import annotations

import argparse
import os
import time

from common import ratio, spread
from served import home, served

READY_SECONDS = 1.5
MEMORY_MB = 120.0
REST_SECONDS = 20.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    with home() as folder:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed Towline is compiled
        os.environ["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
        with served(folder):
            pass  # compiles, and makes the database
        ready, cpu = [], []
        for _ in range(options.times):
            with served(folder) as at:
                ready.append(at.ready)
                cpu.append(at.ready_cpu)
        with served(folder) as at:
            time.sleep(3)
            used = at.cpu_seconds()
            time.sleep(REST_SECONDS)
            at_rest = (at.cpu_seconds() - used) / REST_SECONDS
            memory = at.memory()
    print(f"ready in {spread(ready)} s, of CPU {spread(cpu)} s")
    print(f"at rest {memory:.0f} MB, CPU {at_rest:.2%} of one core")
    ratio("server ready / 1.5 s", ready, [READY_SECONDS], "<= 1")
    ratio("server memory at rest / 120 MB", [memory], [MEMORY_MB], "<= 1")


if __name__ == "__main__":
    main()
