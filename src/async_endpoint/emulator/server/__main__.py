"""The process of a local AWS: `python -m async_endpoint.emulator.server`."""

from async_endpoint.emulator.server.local_server import main

main()
