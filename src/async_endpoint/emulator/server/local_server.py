"""The local AWS's process: `python -m async_endpoint.emulator.server`, started by `local.LocalAws`."""

import argparse
import asyncio
import http.client
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from async_endpoint.clock import SystemClock
from async_endpoint.cloudwatch.metrics import RETENTION_SECONDS
from async_endpoint.emulator.api import (
    alarm_settings,
    application_autoscaling,
    autoscaling_service,
    public_registry,
    service_quotas,
)
from async_endpoint.emulator.api import sagemaker as sagemaker_api
from async_endpoint.emulator.api.cloudformation import RESOURCE_TYPES
from async_endpoint.emulator.assumptions import Assumptions
from async_endpoint.emulator.console.routes import Pages
from async_endpoint.emulator.containers.environment import ServingEnvironment
from async_endpoint.emulator.faults.http import faults_route
from async_endpoint.emulator.hosting.instance_times import InstanceTimes
from async_endpoint.emulator.server import ministack_adapter
from async_endpoint.emulator.server.gateway import App, LocalGateway
from async_endpoint.emulator.server.region import Region, ServerConfig
from async_endpoint.emulator.server.state_file import StateFolder, StateRefused

_SAMPLES_PER_MINUTE = 6  # of AWS's clock; the average of a minute is that of its samples
_SHORTEST_TICK = 0.02
_SWEEP_SECONDS = 10.0  # of AWS's clock; between two looks for scheduled rules that are due
_SHORTEST_SWEEP = 0.5  # of the wall's: each of their events may start a function
_LOG_SECONDS = 1.0  # of the wall's clock
_BEGIN_POLL_SECONDS = 0.02

logger = logging.getLogger(__name__)


class RegionRegistry:
    """Every region that was called, made when it first is; thread-safe."""

    def __init__(self, config: ServerConfig) -> None:
        self._surroundings = config
        self._regions: dict[tuple[str, str], Region] = {}
        self._lock = threading.Lock()

    def get(self, account: str, name: str) -> Region:
        """The region of an account."""
        with self._lock:
            if (account, name) not in self._regions:
                self._regions[account, name] = Region(account, name, self._surroundings)
            return self._regions[account, name]

    def alarm_was_set(self, account: str, name: str, *said: Any) -> None:
        """Tell a region of it, if it has been called before: in no other is there anything to scale."""
        with self._lock:
            region = self._regions.get((account, name))
        if region is not None:
            region.alarm_was_set(*said)

    def alarm_moment(self, account: str, region_name: str, name: str, state: str) -> float:
        """When on AWS's clock an alarm has come to a state, or else now; makes no region."""
        with self._lock:
            region = self._regions.get((account, region_name))
        found = None if region is None else region.alarm_moment(name, state)
        return self._surroundings.clock.now() if found is None else found

    def state(self) -> list[Any]:
        """Every region, as plain JSON for `restore`; to be called when all are stopped."""
        return [[region.account, region.name, region.state()] for region in self.all()]

    def restore(self, state: list[Any]) -> None:
        """Take in what `state` gave; nothing starts until each region's `resume`.

        Raises:
            StateRefused: It cannot be gone on from.
        """
        for account, name, kept in state:
            try:
                self.get(account, name).restore(kept)
            except Exception as error:
                logger.exception("region %s could not go on from its last state", name)
                raise StateRefused(
                    f"What region {name} kept cannot be gone on from ({type(error).__name__}: {error}): start with "
                    "--fresh to forget it."
                ) from error

    def all(self) -> list[Region]:
        """Every region so far."""
        with self._lock:
            return list(self._regions.values())


def run(config: ServerConfig, port: int, folder: StateFolder, *, until_stdin_closes: bool) -> None:
    """Serve until SIGTERM, SIGINT or, if asked for, the end of standard input; then end every instance and save.

    Raises:
        StateRefused: What an earlier one kept cannot be gone on from; it stays as it is.
    """
    regions = RegionRegistry(config)
    regions.restore((folder.load() or {}).get("regions", []))
    ministack_adapter.add_service(
        "sagemaker", "SageMaker.", sagemaker_api.handle, regions.get, blocking=sagemaker_api.BLOCKING
    )
    ministack_adapter.add_paths("sagemaker", sagemaker_api.INVOCATION_PATH)
    ministack_adapter.add_service(
        "application-autoscaling",
        "AnyScaleFrontendService.",
        application_autoscaling.handle,
        regions.get,
        blocking=autoscaling_service.BLOCKING,
    )
    quotas = service_quotas.InstanceQuotas()
    ministack_adapter.add_service("servicequotas", service_quotas.TARGET_PREFIX, quotas.handle, regions.get)
    ministack_adapter.add_public_images(public_registry.describe_images)
    ministack_adapter.bound_public_layers(public_registry.has_layer_version)
    for name, resource in RESOURCE_TYPES.items():
        ministack_adapter.add_resource_type(name, resource, regions.get)
    ministack_adapter.replace_alarm_evaluation()
    ministack_adapter.keep_metric_math(alarm_settings.broken_setting)
    ministack_adapter.keep_alarm_history(regions.alarm_moment)
    ministack_adapter.bound_metric_data(RETENTION_SECONDS)
    clock = config.clock
    ministack_adapter.run_schedules_by(clock.now, max(_SHORTEST_SWEEP, clock.wall_seconds(_SWEEP_SECONDS)))
    ministack_adapter.observe_alarm_states(regions.alarm_was_set)
    ministack_adapter.observe_metrics(lambda account, region, *datum: regions.get(account, region).observe(*datum))
    ticking = threading.Event()
    ticker = threading.Thread(target=_tick, args=(regions, config.clock, ticking), name="ticker", daemon=True)
    log_writer = threading.Thread(target=_write_logs, args=(regions, ticking), name="log-writer", daemon=True)

    begun, ended = threading.Event(), threading.Event()

    def begin() -> None:
        if ended.is_set():
            return
        for region in regions.all():
            region.resume()
        ticker.start()
        log_writer.start()
        begun.set()

    def end() -> None:
        if ended.is_set():
            return
        ended.set()
        ticking.set()
        try:
            for region in regions.all():
                region.stop()
            folder.save({"clock": config.clock.now(), "regions": regions.state()})
        except Exception:  # whoever has asked it to end sees that nothing was written
            logger.exception("what it held could not be written down")

    def front(app: App) -> App:
        made = LocalGateway(app, config.faults)
        made.add_route("faults", faults_route(config.faults))
        made.add_route("quotas", service_quotas.quotas_route(quotas))
        made.add_route("ready", lambda *_: (200 if begun.is_set() else 503, {}, b""))
        Pages.of(regions.all, config.clock).register(made)
        return made

    try:
        asyncio.run(_serve(port, front, begin, end, until_stdin_closes=until_stdin_closes))
    finally:
        end()


async def _serve(
    port: int,
    front: Callable[[App], App],
    ready: Callable[[], None],
    end: Callable[[], None],
    *,
    until_stdin_closes: bool,
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if until_stdin_closes:
        watcher = threading.Thread(target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(stop.set)), daemon=True)
        watcher.start()

    async def ended() -> None:
        await stop.wait()
        # Before the server ends: a stack in the making waits for its instances, and the server for the stack.
        await asyncio.to_thread(end)

    threading.Thread(target=_once_it_answers, args=(port, stop, ready), name="begin", daemon=True).start()
    await ministack_adapter.serve(port, front, ended)


def _once_it_answers(port: int, stop: asyncio.Event, act: Callable[[], None]) -> None:
    """Act when the server answers: before that, whoever asks it would be refused."""
    while not stop.is_set():
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", "/_ministack/health")
            connection.getresponse().read()
        except OSError:
            time.sleep(_BEGIN_POLL_SECONDS)
        else:
            act()
            return
        finally:
            connection.close()


def _tick(regions: RegionRegistry, clock: SystemClock, stopped: threading.Event) -> None:
    """Let time pass for every region until told to stop; one region's trouble is logged and holds up no other."""
    interval = max(_SHORTEST_TICK, clock.wall_seconds(60 / _SAMPLES_PER_MINUTE))
    while not stopped.wait(interval):
        for region in regions.all():
            try:
                region.tick()
            except Exception:
                logger.exception("region %s: a tick failed", region.name)


def _write_logs(regions: RegionRegistry, stopped: threading.Event) -> None:
    """Have every region's logs written until told to stop; beside the ticks, which they must not hold up."""
    while not stopped.wait(_LOG_SECONDS):
        for region in regions.all():
            try:
                region.write_logs()
            except Exception:
                logger.exception("region %s: its instances' logs could not be written", region.name)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--serving-env", type=Path, required=True)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keep", type=Path, required=True, help="the folder of what outlives the process")
    parser.add_argument("--assume", action="append", default=[], metavar="NAME=VALUE")
    for stage in fields(InstanceTimes):
        parser.add_argument(f"--{stage.name}-seconds", type=float, default=0.0)
    parser.add_argument("--until-stdin-closes", action="store_true")
    options = parser.parse_args()
    log_format = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=log_format, force=True)  # ministack has set it up its own way
    for noisy in ("botocore", "urllib3", "ministack", "hypercorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    os.umask(0o077)
    folder = StateFolder(options.keep)
    config = ServerConfig(
        endpoint_url=f"http://localhost:{options.port}",
        workdir=options.workdir,
        serving=ServingEnvironment(options.serving_env),
        clock=SystemClock(options.speed, not_before=(folder.load() or {}).get("clock", 0.0)),
        threads=options.threads,
        assumptions=Assumptions.parse(options.assume),
        times=InstanceTimes(**{item.name: getattr(options, f"{item.name}_seconds") for item in fields(InstanceTimes)}),
    )
    try:
        run(config, options.port, folder, until_stdin_closes=options.until_stdin_closes)
    except StateRefused as refused:
        sys.exit(str(refused))
