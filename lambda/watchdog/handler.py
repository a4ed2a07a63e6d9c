"""The entry of the function: EventBridge's schedule invokes it every few minutes."""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from watchdog import adapters
from watchdog.observability import logger
from watchdog.settings import Settings

watchdog = adapters.watchdog(Settings.from_environment(os.environ))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Look once. What is raised is an error of the function, of which an alarm notifies; the next run looks again."""
    del context
    try:
        logger.info(watchdog.run(adapters.moment_of(event)))
    except Exception:
        logger.exception("The look failed; the next run looks again.")
        raise
