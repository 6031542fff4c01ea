"""Tests of the room `runs`; a package, so that other rooms' files may have the same names."""
