"""`python -m async_endpoint.cli`: the command, where its script is not on the path."""

from async_endpoint.cli import main

main()
