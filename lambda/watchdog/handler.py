"""The entry point of the function: EventBridge's schedule invokes it every few minutes."""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from shared.observability import logger
from watchdog.adapters import make_watchdog, time_of
from watchdog.settings import Settings

watchdog = make_watchdog(Settings.from_environment(os.environ))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Looks once. An alarm notifies of an error of the function; the next run looks again."""
    del context
    try:
        logger.info(watchdog.run(time_of(event)))
    except Exception:
        logger.exception("The look failed; the next run looks again.")
        raise
