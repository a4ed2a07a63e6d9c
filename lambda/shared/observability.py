"""The structured log; service and level come from POWERTOOLS_SERVICE_NAME and POWERTOOLS_LOG_LEVEL."""

from aws_lambda_powertools import Logger

logger = Logger()
