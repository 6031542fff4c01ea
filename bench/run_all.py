"""Run every benchmark one after the other; each prints its ratios.

make bench
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
NO_BENCH = {"common.py", "rivals.py", "run_all.py", "served.py", "stored_runs.py"}


def main() -> int:
    """Run them all; return 1 when one failed."""
    failed = []
    for script in sorted(HERE.glob("[a-z]*.py")):
        if script.name in NO_BENCH:
            continue
        print(f"\n== {script.name}", flush=True)
        if subprocess.run([sys.executable, script]).returncode:
            failed.append(script.name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
