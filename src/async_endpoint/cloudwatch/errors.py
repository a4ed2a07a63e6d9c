"""What CloudWatch rejects, under the name that its API gives the error."""


class ValidationError(Exception):
    """An alarm or a query breaks a rule of CloudWatch, or needs what is not evaluated here."""
