"""ministack's ASGI application behind the local AWS's gateway, served by Hypercorn."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

import ministack.app
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from async_endpoint.emulator.server.gateway import App

_SHUTDOWN_SECONDS = 1.0
_SAVE_SECONDS = 30.0  # for ministack to save its services


async def serve(port: int, gateway: Callable[[App], App], stop: Callable[[], Awaitable[object]]) -> None:
    """Serves `gateway(application)` on 127.0.0.1 until `stop()` returns."""
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = _SHUTDOWN_SECONDS
    config.shutdown_timeout = _SAVE_SECONDS
    config.loglevel = "WARNING"
    logging.getLogger("hypercorn.access").setLevel(logging.WARNING)
    await hypercorn_serve(cast("Any", gateway(ministack.app.app)), config, shutdown_trigger=stop)
