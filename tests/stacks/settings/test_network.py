import pytest

from stacks.settings.network import NetworkSettings
from tests.stacks.settings.checks import check_switch, rejection

SUBNET = "subnet-0123456789abcdef0"
GROUP = "sg-0123456789abcdef0"


def test_isolation_is_on_or_off() -> None:
    check_switch(NetworkSettings, "isolation")


@pytest.mark.parametrize(
    ("name", "wrong", "allowed"),
    [("subnet_ids", "subnet-1", "a subnet's id, such as "), ("security_group_ids", "sg-x", "a security group's id, ")],
)
def test_ids_have_the_form_of_ec2s(name: str, wrong: str, allowed: str) -> None:
    assert f'of item 1, "{wrong}", it must be {allowed}' in rejection(NetworkSettings, **{name: [wrong]})


def test_subnets_come_with_security_groups() -> None:
    assert rejection(NetworkSettings, subnet_ids=[SUBNET]) == (
        "network.subnet_ids is given and network.security_group_ids is empty; instances in a VPC need both: add "
        "security_group_ids, or take subnet_ids out."
    )
    assert "network.security_group_ids is given and " in rejection(NetworkSettings, security_group_ids=[GROUP])
    made = NetworkSettings.from_table({"subnet_ids": [SUBNET], "security_group_ids": [GROUP]})
    assert (made.subnet_ids, made.security_group_ids) == ((SUBNET,), (GROUP,))
