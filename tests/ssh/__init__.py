"""Tests of the ssh room."""
