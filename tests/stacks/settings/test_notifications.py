import pytest

from stacks.settings.notifications import NotificationSettings
from tests.stacks.settings.checks import check_switch, rejection


@pytest.mark.parametrize("name", ["success", "error"])
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
