"""The layout of the jobs table in DynamoDB: its keys, its index and the attributes with a meaning of their own."""

JOBS_PARTITION_KEY = "job_id"
JOBS_BY_STATE_INDEX = "by-state"
JOBS_BY_STATE_PARTITION_KEY = "state"
JOBS_BY_STATE_SORT_KEY = "updated_at"
JOBS_TTL_ATTRIBUTE = "expires_at"
JOBS_REVISION_ATTRIBUTE = "revision"
