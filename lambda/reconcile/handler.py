"""The entry point of the function: EventBridge's schedule invokes it every few minutes."""

import os
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from reconcile.adapters import make_reconciler, time_of
from reconcile.settings import Settings
from shared.observability import logger

_MOST_LINES = 20


class ReconcileError(Exception):
    """A part of the look failed; the message is one sentence, and the log has the first errors."""


reconciler = make_reconciler(Settings.from_environment(os.environ))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Looks once. An alarm notifies of an error of the function; the next run looks again."""
    del context
    try:
        findings = reconciler.run(datetime.now(UTC), due_at=time_of(event))
    except Exception:
        logger.exception("The look failed; the next run looks again.")
        raise
    for line in findings.lines:
        logger.info(line)
    logger.info(str(findings))
    if findings.errors:
        for line in findings.errors[:_MOST_LINES]:
            logger.error(line)
        raise ReconcileError(f"The look had {len(findings.errors)} errors; the next run looks again.")
