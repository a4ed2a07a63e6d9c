"""ministack's ASGI application behind the local AWS's gateway, served by Hypercorn."""

import faulthandler
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import ministack.app
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from ministack.core.persistence import save_all

from async_endpoint.emulator.server.gateway import App
from async_endpoint.emulator.server.ministack.function_processes import end_child_processes

_SHUTDOWN_SECONDS = 1.0
_SAVE_SECONDS = 60.0  # for ministack to save its services
_EXIT_SECONDS = 20.0  # for the requests in flight to end

_PERSISTENCE = logging.getLogger("persistence")  # ministack's

logger = logging.getLogger(__name__)


async def serve(
    port: int,
    gateway: Callable[[App], App],
    stop: Callable[[], Awaitable[object]],
    on_saved: Callable[[], None] = lambda: None,
) -> None:
    """Serves `gateway(application)` on 127.0.0.1 until `stop()` returns; `on_saved` is called when all is saved then.

    ministack's requests cannot be cancelled. Those that do not end in time are given up with the process.
    """
    services = _Services(on_saved)
    ministack.app.save_all = services.save

    async def stopped() -> None:
        await stop()
        threading.Thread(target=_exit_late, args=(services,), daemon=True).start()

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = _SHUTDOWN_SECONDS
    config.shutdown_timeout = _SAVE_SECONDS
    config.loglevel = "WARNING"
    logging.getLogger("hypercorn.access").setLevel(logging.WARNING)
    await hypercorn_serve(cast("Any", gateway(ministack.app.app)), config, shutdown_trigger=stopped)


class _Services:
    """ministack's services, saved once."""

    def __init__(self, on_saved: Callable[[], None]) -> None:
        self._on_saved = on_saved
        self._lock = threading.Lock()
        self.saving = threading.Event()

    def save(self, states: Mapping[str, Callable[[], Any]]) -> None:
        """Saves them, unless that was done; waits where another thread does it."""
        with self._lock:
            if not self.saving.is_set():
                self.saving.set()
                errors = _Errors()
                _PERSISTENCE.addHandler(errors)
                save_all(states)
                if not errors.any:
                    self._on_saved()


class _Errors(logging.Handler):
    """Whether an error was logged: ministack reports no other way that it could not save a service."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.any = False

    def emit(self, record: logging.LogRecord) -> None:
        """Notes it."""
        del record
        self.any = True


def _exit_late(services: _Services) -> None:
    """Saves the services and ends the process where something keeps it; its log shows what that waits for."""
    if services.saving.wait(_EXIT_SECONDS):
        time.sleep(_EXIT_SECONDS)
    logger.warning(
        "The local AWS did not end within %g s of its stop: it saves its state and gives up what keeps it. Its threads "
        "wait here:",
        _EXIT_SECONDS,
    )
    faulthandler.dump_traceback()
    services.save(ministack.app._build_persistence_save_dict())
    end_child_processes()
    os._exit(0)
