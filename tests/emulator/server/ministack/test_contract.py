"""The contract with ministack, which promises none: every name that this project uses is there, as it was read."""

import ast
import importlib
import importlib.metadata
import importlib.util
import inspect
import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from async_endpoint.emulator.server import ministack as adapter

ADAPTER = Path(adapter.__file__)
# Where each name comes from, and what it is: a signature, or a kind of value.
CONTRACT = {
    "ministack.app.app": "(scope, receive, send)",
    "ministack.app.SERVICE_HANDLERS": "dict",
    "ministack.app._build_persistence_save_dict": "()",
    "ministack.app.save_all": "(services: dict) -> None",
    "ministack.core.lambda_runtime.reset": "()",
    "ministack.core.persistence.save_all": "(services: dict) -> None",
    "ministack.core.responses.AccountRegionScopedDict": "()",
    "ministack.services.cloudwatch._dims_key": "(dims: dict) -> str",
    "ministack.services.cloudwatch._metrics": "AccountRegionScopedDict",
    "ministack.services.dynamodb._stream_records": "AccountRegionScopedDict",
    "ministack.services.dynamodb._stream_trimmed": "AccountRegionScopedDict",
    "ministack.services.dynamodb.get_state": "()",
    "ministack.services.dynamodb.load_persisted_state": "(data)",
    "ministack.services.lambda_svc._poll_kinesis": "()",
    "ministack.services.lambda_svc._poll_sqs": "()",
    "ministack.services.lambda_svc.acquire_worker": (
        "(func_name: str, config: dict, code_zip: bytes, qualifier: str = '$LATEST',"
        " max_concurrency: int | None = None)"
    ),
    "ministack.app.detect_service": "(method: str, path: str, headers: dict, query_params: dict) -> str",
    "ministack.core.router.SERVICE_PATTERNS": "dict",
    "ministack.core.responses.get_account_id": "() -> str",
    "ministack.core.responses.get_region": "() -> str",
    "ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS": "dict",
    "ministack.services.cloudformation.provisioners._REPLACING_PROPERTIES": "dict",
    "ministack.services.cloudformation.stacks._runs_on_worker_thread": "(resource_type: str) -> bool",
    "ministack.services.cloudformation.provisioners._cw_metric_alarm_record": "(name, props)",
    "ministack.services.cloudwatch._alarms": "AccountRegionScopedDict",
    "ministack.services.cloudwatch._delete_alarms": "(params, cbor_data, is_cbor, is_json=False)",
    "ministack.services.cloudwatch._disable_alarm_actions": "(params, cbor_data, is_cbor, is_json=False)",
    "ministack.services.cloudwatch._enable_alarm_actions": "(params, cbor_data, is_cbor, is_json=False)",
    "ministack.services.cloudwatch._history_entries": "() -> list",
    "ministack.services.cloudwatch._record_history": (
        "(alarm_name, old_state, new_state, reason, alarm_type='MetricAlarm', reason_data=None)"
    ),
    "ministack.services.cloudwatch.cloudformation_delete_metric_alarm": (
        "(name: str, refuse_dependents: bool = False) -> None"
    ),
    "ministack.services.cloudwatch.cloudformation_put_metric_alarm": "(alarm: dict) -> None",
    "ministack.services.sns._topic_by_arn_any_scope": "(topic_arn: str) -> dict | None",
    "ministack.services.cloudwatch._error": "(code, message, status, use_json=False, use_cbor=False)",
    "ministack.services.cloudwatch._evaluate_alarm": "(alarm)",
    "ministack.services.cloudwatch._evaluate_all_alarms": "()",
    "ministack.services.cloudwatch._evict_old_metrics": "()",
    "ministack.services.cloudwatch._metric_bucket": "(key: tuple) -> list",
    "ministack.services.cloudwatch._put_metric_alarm": "(params, cbor_data, is_cbor, is_json=False)",
    "ministack.services.cloudwatch._set_alarm_state": "(params, cbor_data, is_cbor, is_json=False)",
    "ministack.services.cloudwatch._store_datum": (
        "(namespace, name, dims, ts, unit, value, values, counts, stat_values)"
    ),
    "ministack.services.eventbridge._SCHEDULER_TICK_INTERVAL": "int",
    "ministack.services.eventbridge._now_ts": "() -> float",
    "ministack.services.eventbridge._rule_last_fired": "dict",
    "ministack.services.eventbridge._rules": "AccountRegionScopedDict",
    "ministack.services.eventbridge._tick_scheduled_rules": "()",
    "ministack.services.eventbridge._dispatch_event": "(event, view=None)",
    "ministack.services.s3._fire_s3_event": (
        "(bucket_name: str, key: str, event_name: str, size: int = 0, etag: str = '', "
        "deletion_type: str | None = None, restore_event_data: dict | None = None, version_id: str | None = None, "
        "sequencer: str | None = None, object_extra: dict | None = None, record_extra: dict | None = None) -> None"
    ),
    "ministack.services.eventbridge._invoke_target": "(target, event, rule, view=None)",
    "ministack.services.lambda_svc._emit_lambda_metrics": (
        "(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None"
    ),
    "ministack.services.lambda_svc._function_config_scope_mismatch": "(config: dict) -> bool",
    "ministack.services.lambda_svc._get_func_record_for_ref": (
        "(function_ref: str) -> tuple[dict | None, dict | None, str]"
    ),
    "ministack.core.concurrency.esm_wake": "Event",
    "ministack.services.sqs._Err": "(code: str, message: str, status: int = 400)",
    "ministack.services.sqs._HANDLERS": "dict",
    "ministack.services.sqs._ensure_msg_fields": "(m: dict) -> None",
    "ministack.services.sqs._queues_lock": "lock",
    "ministack.services.sqs.queue_delay": "(q: dict) -> int",
    "ministack.services.eventbridge._dispatch_to_sqs": "(spec, payload, sqs_parameters=None)",
    "ministack.services.s3._deliver_event_to_sqs": (
        "(arn: str, event_payload: dict, bucket_region: str, bucket_name: str = '') -> None"
    ),
    "ministack.services.sns._deliver_to_sqs": (
        "(endpoint: str, envelope: str, raw: bool, raw_message: str, message_group_id: str = '', "
        "message_dedup_id: str = '', message_attributes: dict | None = None, topic_arn: str = '')"
    ),
    "ministack.services.sqs._delete_messages_for_esm": "(queue_url: str, receipt_handles: set[str]) -> None",
    "ministack.services.sqs._get_q": "(url: str, action: str | None = None) -> dict",
    "ministack.services.sqs._receive_messages_for_esm": "(queue_url: str, max_number: int) -> list[dict]",
    "ministack.services.sqs._dlq_sweep": "(q: dict) -> None",
    "ministack.services.sqs._queue_by_arn": "(arn: str) -> dict | None",
    "ministack.services.sqs._queues": "AccountRegionScopedDict",
    "ministack.services.lambda_svc._execute_function": "(func: dict, event: dict) -> dict",
    "ministack.services.lambda_svc._execute_function_warm": "(func: dict, event: dict, request_id: str) -> dict",
    "ministack.services.lambda_svc._layer_access_denied": "(layer_arn: str)",
    "ministack.services.lambda_svc._resolve_cross_account_layer": "(layer_arn: str, spec, name_and_version)",
    "ministack.services.lambda_svc._run_sqs_batch": "(esm, func_rec, event, batch, queue_url, queue_name)",
    "ministack.services.dynamodb._tables": "AccountRegionScopedDict",
    "ministack.services.dynamodb.stream_end_position": "(table_name: str, *, account_id=None, region=None) -> int",
    "ministack.services.dynamodb.stream_records_since": (
        "(table_name: str, position: int, limit: int, *, account_id=None, region=None) -> list[dict]"
    ),
    "ministack.services.dynamodb.stream_start_position": "(table_name: str, *, account_id=None, region=None) -> int",
    "ministack.services.eventbridge._api_destination_send_sync": "(request: dict, auth_headers: dict) -> int",
    "ministack.services.eventbridge._api_destinations": "AccountRegionScopedDict",
    "ministack.services.eventbridge._build_api_destination_request": (
        "(dest: dict, conn: dict, target_http_params: dict, payload: str) -> dict"
    ),
    "ministack.services.eventbridge._connection_auth_headers": (
        "(conn: dict, token_key, force_refresh: bool = False) -> dict"
    ),
    "ministack.services.eventbridge._connections": "AccountRegionScopedDict",
    "ministack.services.eventbridge._create_api_destination": "(data)",
    "ministack.services.eventbridge._create_connection": "(data)",
    "ministack.services.eventbridge._delete_api_destination": "(data)",
    "ministack.services.eventbridge._delete_connection": "(data)",
    "ministack.services.eventbridge._dispatch_to_api_destination": "(spec, payload, target)",
    "ministack.services.eventbridge._pattern_event_view": "(event)",
    "ministack.services.eventbridge._update_api_destination": "(data)",
    "ministack.services.eventbridge._update_connection": "(data)",
    "ministack.services.lambda_svc._ESM_BACKOFF_SECONDS": "float",
    "ministack.services.lambda_svc._apply_filter_criteria": "(records: list[dict], esm: dict) -> list[dict]",
    "ministack.services.lambda_svc._dispatch_esm_batch": "(esm_id: str, fn, *args) -> None",
    "ministack.services.lambda_svc._dynamodb_stream_positions": "AccountRegionScopedDict",
    "ministack.services.lambda_svc._dynamodb_stream_positions_lock": "lock",
    "ministack.services.lambda_svc._esm_backoff_until": "AccountRegionScopedDict",
    "ministack.services.lambda_svc._esm_inflight": "dict",
    "ministack.services.lambda_svc._get_func_record_for_qualifier": (
        "(name: str, qualifier: str | None) -> tuple[dict | None, dict | None]"
    ),
    "ministack.services.lambda_svc._init_stream_position": "(esm_id, source_arn, starting)",
    "ministack.services.lambda_svc._iter_all_esms": "()",
    "ministack.services.lambda_svc._poll_dynamodb_streams": "()",
    "ministack.services.lambda_svc._request_account_id": "ContextVar",
    "ministack.services.lambda_svc._request_region": "ContextVar",
    "ministack.services.lambda_svc._send_ddb_stream_failure_record": (
        "(esm, func_rec, batch, stream_arn, result, condition)"
    ),
    "ministack.services.cloudwatch.record_metric": (
        "(namespace: str, metric_name: str, value: float, unit: str = 'None', dimensions: dict | None = None) -> None"
    ),
}
# What the package replaces: ministack must look it up in the module at each call, not keep it elsewhere.
REPLACED = (
    "ministack.app.detect_service",
    "ministack.services.cloudformation.stacks._runs_on_worker_thread",
    "ministack.services.cloudformation.provisioners._cw_metric_alarm_record",
    "ministack.services.cloudwatch._delete_alarms",
    "ministack.services.cloudwatch._disable_alarm_actions",
    "ministack.services.cloudwatch._enable_alarm_actions",
    "ministack.services.cloudwatch._record_history",
    "ministack.services.cloudwatch._evaluate_alarm",
    "ministack.services.cloudwatch._evaluate_all_alarms",
    "ministack.services.cloudwatch._evict_old_metrics",
    "ministack.services.cloudwatch._metric_bucket",
    "ministack.services.cloudwatch._put_metric_alarm",
    "ministack.services.cloudwatch._set_alarm_state",
    "ministack.services.cloudwatch._store_datum",
    "ministack.services.eventbridge._dispatch_event",
    "ministack.services.eventbridge._dispatch_to_api_destination",
    "ministack.services.eventbridge._dispatch_to_sqs",
    "ministack.services.eventbridge._invoke_target",
    "ministack.services.eventbridge._now_ts",
    "ministack.services.eventbridge._tick_scheduled_rules",
    "ministack.app.save_all",
    "ministack.services.lambda_svc._poll_kinesis",
    "ministack.services.lambda_svc._poll_sqs",
    "ministack.services.lambda_svc.acquire_worker",
    "ministack.services.lambda_svc._emit_lambda_metrics",
    "ministack.services.lambda_svc._execute_function",
    "ministack.services.lambda_svc._execute_function_warm",
    "ministack.services.lambda_svc._poll_dynamodb_streams",
    "ministack.services.lambda_svc._resolve_cross_account_layer",
    "ministack.services.lambda_svc._run_sqs_batch",
    "ministack.services.s3._deliver_event_to_sqs",
    "ministack.services.s3._fire_s3_event",
    "ministack.services.sns._deliver_to_sqs",
    "ministack.services.sqs._dlq_sweep",
)


def used_names(source: Path) -> set[str]:
    """Every name of ministack's that a file uses, in full."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    modules = {"ministack.app": "ministack.app"}  # how the file calls a module, and what the module is called
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ministack"):
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if is_module(full):
                    modules[alias.asname or alias.name] = full
                else:
                    used.add(full)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (owner := ast.unparse(node.value)) in modules:
            used.add(f"{modules[owner]}.{node.attr}")
    return used


def is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # what should contain it is none
        return False


def found(name: str) -> Any:
    """What a full name stands for."""
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError):
        pytest.fail(f"ministack has moved or renamed {name}, which is used here: read it again, adapt, then pin it.")


def shape(value: object) -> str:
    return str(inspect.signature(value)) if callable(value) else type(value).__name__


def codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """A function's code and that of the functions inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes(constant)


def test_the_contract_names_everything_that_is_used_and_nothing_else() -> None:
    assert set().union(*map(used_names, ADAPTER.parent.glob("*.py"))) == set(CONTRACT)


@pytest.mark.parametrize("name", CONTRACT)
def test_every_name_is_as_it_was_read(name: str) -> None:
    assert shape(found(name)) == CONTRACT[name], (
        f"{name} of ministack {importlib.metadata.version('ministack')} is not what the package was written for: "
        "read it again, adapt, then pin it."
    )


@pytest.mark.parametrize("name", REPLACED)
def test_what_is_replaced_is_looked_up_at_each_call(name: str) -> None:
    original = found(name)
    module = importlib.import_module(name.rpartition(".")[0])
    functions = [value for value in vars(module).values() if inspect.isfunction(value) and value is not original]
    assert any(original.__name__ in code.co_names for each in functions for code in codes(each.__code__)), (
        f"nothing in {module.__name__} calls {original.__name__} any more, so that replacing it has no effect."
    )


def test_ministack_is_pinned_to_the_release_that_was_read() -> None:
    required = [Requirement(text) for text in importlib.metadata.requires("async-endpoint") or ()]
    (ministack,) = (requirement for requirement in required if requirement.name == "ministack")
    assert str(ministack.specifier) == "==1.5.33"
    assert importlib.metadata.version("ministack") == "1.5.33"
    assert re.search(r"release (\S+),", ADAPTER.read_text(encoding="utf-8"))[1] == "1.5.33"  # type: ignore[index]  # it is there
