"""The settings of a stage: one pydantic model for each table of its file."""
