"""``python -m towline``: the command line without anything on PATH."""

from towline.cli.main import main

main()
