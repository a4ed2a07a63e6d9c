"""The process of a local AWS: `python -m async_endpoint.emulator.server`, started by `launcher.LocalAws`."""

import asyncio
import faulthandler
import http.client
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from http import HTTPStatus

from async_endpoint.clock import SystemClock
from async_endpoint.cloudwatch.metrics import RETENTION_SECONDS
from async_endpoint.emulator.api import (
    alarm_settings,
    application_autoscaling,
    autoscaling_service,
    cloudformation,
    public_registry,
    sagemaker,
    service_quotas,
)
from async_endpoint.emulator.console.routes import Pages
from async_endpoint.emulator.containers.environment import ServingEnvironments
from async_endpoint.emulator.faults.http import faults_route
from async_endpoint.emulator.local_routes import PREFIX
from async_endpoint.emulator.server.command_line import ServerOptions
from async_endpoint.emulator.server.config import ServerConfig
from async_endpoint.emulator.server.gateway import App, LocalGateway
from async_endpoint.emulator.server.ministack import (
    alarm_changes,
    alarms,
    api_destinations,
    dlq_redrives,
    event_source_mappings,
    function_logs,
    function_processes,
    http_server,
    invocations,
    message_ages,
    metrics,
    object_events,
    public_assets,
    queue_faults,
    resource_types,
    schedules,
    services,
    stream_mappings,
)
from async_endpoint.emulator.server.region import Region
from async_endpoint.emulator.server.region_registry import RegionRegistry
from async_endpoint.emulator.server.state_file import StateError, StateFolder

_SAMPLES_PER_MINUTE = 6  # of AWS's clock; the average of a minute is that of its samples
_SHORTEST_TICK = 0.02
_SWEEP_SECONDS = 10.0  # of AWS's clock; between two looks for scheduled rules that are due
_SHORTEST_SWEEP = 0.5  # of the wall's: each of their events may start a function
_LOG_SECONDS = 1.0  # of the wall's clock
_POLL_SECONDS = 0.02
_LATE_SECONDS = 100.0
_PROCESS = str(os.getpid()).encode()

logger = logging.getLogger(__name__)


class LocalServer:
    """ministack with this project's services, behind one gateway, in this process.

    Args:
        config: What every region shares.
        port: The port to listen on, on 127.0.0.1.
        folder: The saved state.
    """

    def __init__(self, config: ServerConfig, port: int, folder: StateFolder) -> None:
        self._config = config
        self._port = port
        self._folder = folder
        self._regions = RegionRegistry(config)
        self._ready, self._stopping, self._saved = threading.Event(), threading.Event(), threading.Event()

    def run(self, *, until_stdin_closes: bool) -> None:
        """Restores the saved state, serves until SIGTERM, SIGINT or, if asked for, the end of stdin, and saves.

        Raises:
            StateError: The saved state cannot be restored; it is left as it is.
        """
        self._folder.begin()
        self._regions.restore((self._folder.load() or {}).get("regions", []))
        self._add_services()
        self._connect_cloudwatch()
        try:
            asyncio.run(self._serve(until_stdin_closes=until_stdin_closes))
        finally:
            self.stop()
            function_processes.end_child_processes()

    def resume(self) -> None:
        """Starts what was restored, and the clock of every region; call it once requests are served."""
        if self._stopping.is_set():
            return
        for region in self._regions.all():
            region.resume()
        tick_seconds = max(_SHORTEST_TICK, self._config.clock.wall_seconds(60 / _SAMPLES_PER_MINUTE))
        self._repeat("ticker", tick_seconds, Region.tick)
        self._repeat("log-writer", _LOG_SECONDS, Region.write_logs)
        self._ready.set()

    def stop(self) -> None:
        """Stops every instance and function, and saves the state; a second call does nothing."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        faulthandler.dump_traceback_later(_LATE_SECONDS)  # before the launcher gives up: what the stop waits for
        try:
            for region in self._regions.all():
                region.stop()
            function_processes.end_functions()
            self._folder.save({"port": self._port, "clock": self._config.clock.now(), "regions": self._regions.state()})
            self._saved.set()
        except Exception:  # the launcher reports that nothing was written
            logger.exception("the state could not be saved")

    def _add_services(self) -> None:
        """Adds to ministack: SageMaker, Application Auto Scaling, Service Quotas, public assets, batch responses."""
        get = self._regions.get
        services.add_service("sagemaker", "SageMaker.", sagemaker.handle, get, blocking=sagemaker.BLOCKING)
        services.add_unsigned_path("sagemaker", sagemaker.INVOCATION_PATH)
        services.add_service(
            "application-autoscaling",
            "AnyScaleFrontendService.",
            application_autoscaling.handle,
            get,
            blocking=autoscaling_service.BLOCKING,
        )
        services.add_service("servicequotas", service_quotas.TARGET_PREFIX, self._config.quotas.handle, get)
        public_assets.add_public_images(public_registry.describe_images)
        public_assets.restrict_public_layers(public_registry.has_layer_version)
        function_logs.log_function_errors()
        invocations.measure_functions(get)
        invocations.measure_rules(get)
        object_events.name_object_versions()
        dlq_redrives.add_message_move_tasks()
        queue_faults.apply_queue_faults(self._config.faults)
        event_source_mappings.judge_batch_responses()
        stream_mappings.retry_stream_batches(get, self._config.clock)
        stream_mappings.save_stream_records()
        api_destinations.add_destination_resources()
        api_destinations.retry_destinations(self._config.clock)
        for name, resource in cloudformation.RESOURCE_TYPES.items():
            resource_types.add_resource_type(name, resource, get)

    def _connect_cloudwatch(self) -> None:
        """Lets the regions evaluate CloudWatch's alarms on its metrics, and schedules follow AWS's clock."""
        clock = self._config.clock
        alarms.disable_alarm_evaluation()
        alarms.support_metric_math(alarm_settings.broken_setting)
        alarm_changes.record_alarm_changes(self._regions.state_updated_at)
        alarms.forward_alarm_states(self._regions.find)
        metrics.save_metrics_as_text()
        metrics.limit_metric_retention(RETENTION_SECONDS)
        metrics.forward_metric_data(self._regions.get)
        message_ages.date_dead_letters()
        schedules.run_schedules_by(clock.now, max(_SHORTEST_SWEEP, clock.wall_seconds(_SWEEP_SECONDS)))

    def _gateway(self, app: App) -> App:
        gateway = LocalGateway(app, self._config.faults)
        gateway.add_route("faults", faults_route(self._config.faults, self._endpoint_names))
        gateway.add_route("quotas", service_quotas.quotas_route(self._config.quotas))
        # With the process: a launcher must not take another local AWS on its port for its own.
        gateway.add_route("ready", lambda *_: (self._readiness, {}, _PROCESS))
        Pages(self._regions.all, self._config.clock, instance_price=self._config.instance_price).add_routes(gateway)
        return gateway

    def _endpoint_names(self) -> frozenset[str]:
        """Returns the names of the endpoints of every region."""
        return frozenset(endpoint.name for region in self._regions.all() for endpoint in region.sagemaker.endpoints())

    @property
    def _readiness(self) -> HTTPStatus:
        return HTTPStatus.OK if self._ready.is_set() else HTTPStatus.SERVICE_UNAVAILABLE

    async def _serve(self, *, until_stdin_closes: bool) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        if until_stdin_closes:
            threading.Thread(target=_stop_at_end_of_stdin, args=(loop, stop), daemon=True).start()

        async def stopped() -> None:
            await stop.wait()
            # Before the server stops: it waits for stacks in the making, and those for their instances.
            await asyncio.to_thread(self.stop)

        threading.Thread(target=self._resume_when_served, args=(stop,), name="resume", daemon=True).start()
        await http_server.serve(self._port, self._gateway, stopped, self._end_folder)

    def _end_folder(self) -> None:
        """Notes that everything is saved, once the services are: unless the regions could not be."""
        if self._saved.is_set():
            self._folder.end()

    def _resume_when_served(self, stop: asyncio.Event) -> None:
        """Resumes when this process serves requests: instances send theirs at once.

        Another local AWS may have taken the port; then nothing is resumed.
        """
        while not stop.is_set():
            if self._is_served():
                self.resume()
                return
            time.sleep(_POLL_SECONDS)

    def _is_served(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=1)
        try:
            connection.request("GET", f"{PREFIX}ready")
            return connection.getresponse().read() == _PROCESS
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _repeat(self, name: str, seconds: float, work: Callable[[Region], None]) -> None:
        """Does some work for every region again and again, in a thread, until the server stops.

        An error of one region is logged and does not affect the others.
        """

        def repeat() -> None:
            while not self._stopping.wait(seconds):
                for region in self._regions.all():
                    try:
                        work(region)
                    except Exception:
                        logger.exception("region %s: the %s failed", region.name, name)

        threading.Thread(target=repeat, name=name, daemon=True).start()


def _stop_at_end_of_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    sys.stdin.read()
    loop.call_soon_threadsafe(stop.set)


def main() -> None:
    """Reads the command line and serves."""
    options = ServerOptions.from_arguments()
    log_format = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.INFO, format=log_format, force=True)  # ministack has configured its own
    for noisy in ("botocore", "urllib3", "ministack", "hypercorn"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    os.umask(0o077)
    folder = StateFolder(options.state)
    try:
        if former := folder.follow_port(options.port):
            logger.info("Queue URLs have port %d now, not %d.", options.port, former)
        config = ServerConfig(
            endpoint_url=f"http://localhost:{options.port}",
            workdir=options.workdir,
            serving=ServingEnvironments(options.serving_env),
            clock=SystemClock(options.speed, not_before=(folder.load() or {}).get("clock", 0.0)),
            threads=options.threads,
            assumptions=options.assumptions,
            times=options.times,
            oldest_messages=message_ages.oldest_messages,
            instance_price=options.instance_price,
        )
        LocalServer(config, options.port, folder).run(until_stdin_closes=options.until_stdin_closes)
    except StateError as error:
        sys.exit(str(error))
