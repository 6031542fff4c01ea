"""Parsl's interchange: where it runs, how it is watched, and how it chooses managers."""
