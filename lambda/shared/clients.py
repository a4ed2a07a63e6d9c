"""Configuration of boto3's clients."""

from botocore.config import Config

# botocore's default timeout is a minute, longer than a function runs.
SHORT_TIMEOUTS = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=5)
