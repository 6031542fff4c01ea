"""The link's protocol, and the program that speaks it on the controller.

Every file here runs on both ends: in the link client on the workspace, and, packed into one file,
on any Python 3.6+ found on a controller. So: standard library only, no newer syntax.
The protocol is specified in docs/link.md.
"""
