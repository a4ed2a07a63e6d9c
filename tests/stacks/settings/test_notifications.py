import pytest

from stacks.settings.notifications import NotificationSettings
from tests.stacks.settings.checks import check_range, check_switch, check_text, rejection


@pytest.mark.parametrize("name", ["success", "error", "tag_documents"])
def test_a_topic_is_on_or_off(name: str) -> None:
    check_switch(NotificationSettings, name)


@pytest.mark.parametrize("name", ["include_response", "queues"])
def test_a_list_of_topics_names_each_once(name: str) -> None:
    assert getattr(NotificationSettings.from_table({name: ["error", "success"]}), name) == ("error", "success")
    assert rejection(NotificationSettings, **{name: ["error", "error"]}) == (
        f'notifications.{name} is ["error", "error"]; "error" is in it twice: take one out.'
    )
    assert rejection(NotificationSettings, **{name: ["succes"]}) == (
        f'notifications.{name} is ["succes"]; of item 1, "succes", it must be one of "success", "error".'
    )


@pytest.mark.parametrize("name", ["include_response", "queues"])
def test_nothing_is_asked_of_a_topic_that_is_off(name: str) -> None:
    assert rejection(NotificationSettings, **{name: ["error"], "error": False}) == (
        f'notifications.{name} names "error" and notifications.error is false: there is no such topic; set '
        f"error = true or take it out of {name}."
    )


NAME = "receipts/webhook"
URL_WORDS = "an address that begins with https://, or with http://127.0.0.1 for a local AWS"


@pytest.mark.parametrize("url", ["https://example.com", "https://a.example:8443/b/c?d=e", "http://127.0.0.1:8080/hook"])
def test_a_webhook_has_an_address_with_tls_or_on_the_loopback(url: str) -> None:
    settings = NotificationSettings.from_table({"webhook_url": url, "webhook_secret": NAME})
    assert settings.webhook_url == url


def test_an_address_without_tls_or_with_a_wildcard_is_rejected() -> None:
    wrong = (
        "http://example.com",
        "http://127.0.0.1.example.com/",
        "http://127.0.0.1@example.com/",
        "https://user:password@example.com",
        "https://example.com/*",
        "example.com",
        "",
    )
    check_text(NotificationSettings, "webhook_url", *wrong, allowed=URL_WORDS, webhook_secret=NAME)


def test_a_secret_is_named_and_not_written_into_the_file() -> None:
    words = "the name or the ARN of a secret in Secrets Manager, not the secret itself"
    url = "https://example.com"
    check_text(NotificationSettings, "webhook_secret", "two words", "a:b", allowed=words, webhook_url=url)
    arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:receipts/webhook-a1B2c3"
    assert NotificationSettings.from_table({"webhook_url": url, "webhook_secret": arn}).webhook_secret == arn


@pytest.mark.parametrize(("given", "missing"), [("webhook_url", "webhook_secret"), ("webhook_secret", "webhook_url")])
def test_a_webhook_needs_both(given: str, missing: str) -> None:
    value = {"webhook_url": "https://example.com", "webhook_secret": NAME}[given]
    assert rejection(NotificationSettings, **{given: value}) == (
        f"notifications.{given} is set and notifications.{missing} is not; a webhook needs both: add {missing}, or "
        f"take {given} out."
    )


def test_retries_are_eventbridges() -> None:
    check_range(NotificationSettings, "webhook_max_retries", low=0, high=185)
    check_range(NotificationSettings, "webhook_max_age_seconds", low=60, high=86_400)
