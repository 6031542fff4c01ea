"""Fixtures that all rooms' tests share."""

pytest_plugins = ["towline.testbed.pytest_plugin"]
