"""What is printed of an error that no command expected."""

_INVALID_ENDPOINT = "Invalid endpoint: "  # so begins a ValueError of botocore


def as_sentence(error: Exception) -> str:
    """Returns one line about an error: boto3's own text, or what kind of error it is and how to see where it arose."""
    text = " ".join(str(error).split()) or "it has no text"
    if type(error).__module__.partition(".")[0] in ("boto3", "botocore"):
        return f"The request to AWS failed: {text}"
    if text.startswith(_INVALID_ENDPOINT):
        return f"{text}. Write AWS_ENDPOINT_URL, or --endpoint-url, as http://HOST:PORT or https://HOST."
    return f"Unexpected {type(error).__name__}: {text}. Run the command again with --debug to see where it arose."
