"""Seconds of ``towline --help`` as a whole process, against an empty Python process.

python bench/help_time.py [--runs N]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from common import ratio, spread

OURS = [sys.executable, "-m", "towline", "--help"]
EMPTY = [sys.executable, "-c", "pass"]


def seconds(argv: list[str]) -> float:
    """Return how long a command takes."""
    began = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    seconds(OURS)
    pairs = [(seconds(OURS), seconds(EMPTY)) for _ in range(options.runs)]
    ours, empty = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    print(f"towline --help: {spread(ours)} s (goal <= 0.25); python -c pass: {spread(empty)} s")
    ratio("towline --help / 0.25 s", ours, [0.25], "<= 1")


if __name__ == "__main__":
    main()
