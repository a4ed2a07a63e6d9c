"""The entry point of the function: a batch of records from the stream of the jobs table, or an operator's request."""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from notify.adapters import make_notifier
from notify.settings import Settings
from shared.observability import logger

notifier = make_notifier(Settings.from_environment(os.environ))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, list[Any]]:
    """Announces the outcomes, and names the first record that Lambda has to deliver again.

    An operator invokes it with `{"job_ids": […]}` to announce jobs again; it returns those that it did not.
    """
    del context
    if "job_ids" in event:
        return {"not_announced": notifier.announce(event["job_ids"])}
    not_done = notifier.process(event["Records"])
    return {"batchItemFailures": [] if not_done is None else [{"itemIdentifier": not_done}]}
