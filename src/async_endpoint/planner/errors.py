"""The planner's one error."""


class PlanError(ValueError):
    """Something that the planner was given cannot be planned with; the message is one sentence for the user."""
