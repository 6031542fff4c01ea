"""Towline: write one Parsl script, run its apps on every cluster you can reach by SSH."""
