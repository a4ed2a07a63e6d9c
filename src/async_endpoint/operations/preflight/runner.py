"""Runs all checks of a stage; those that depend on a failed check are skipped."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError

from async_endpoint.operations.preflight import archive, bootstrap, identity, image, layer, physical_names, quota
from async_endpoint.operations.preflight.check import AWS_ERRORS, Check, Status, unchecked
from async_endpoint.operations.preflight.clients import Clients
from async_endpoint.operations.preflight.intrinsics import PseudoParameters
from async_endpoint.operations.preflight.stacks import STACKS, describe_stacks, judge_stacks

if TYPE_CHECKING:
    from collections.abc import Callable

    import boto3

    from async_endpoint.operations.preflight.assembly import Assembly

_THREADS = 8
_STACK_ACTIONS = "cloudformation:DescribeStacks and cloudformation:ListStackResources"
_NAMES = (
    bootstrap.BOOTSTRAP,
    STACKS,
    quota.QUOTA,
    image.IMAGE,
    layer.LAYER,
    archive.ARCHIVE,
    physical_names.LOG_GROUP,
    physical_names.ENDPOINT,
)


def run(assembly: Assembly, session: boto3.Session) -> list[Check]:
    """Checks everything that a deploy of the assembly needs; changes nothing.

    Returns:
        The checks, in the order in which they are printed.
    """
    region = assembly.region or session.region_name
    if region is None:
        message = "Neither the stacks nor the environment set a region."
        return [*_skipped([identity.CREDENTIALS], identity.REGION), Check(
            identity.REGION, Status.ERROR, message, "export AWS_REGION=…"
        ), *_skipped(_NAMES, identity.REGION)]  # fmt: skip
    try:
        clients = Clients.from_session(session, region)
    except BotoCoreError as error:
        return [identity.unusable_credentials(error), *_skipped((identity.REGION, *_NAMES), identity.CREDENTIALS)]
    credentials, account = identity.check_credentials(clients, assembly.account)
    if account is None:
        return [credentials, *_skipped((identity.REGION, *_NAMES), identity.CREDENTIALS)]
    where = identity.check_region(clients, region)
    if where.status is Status.ERROR:
        return [credentials, where, *_skipped(_NAMES, identity.REGION)]
    return [credentials, where, *_rest(assembly, clients, _pseudo(session, account, region))]


def _rest(assembly: Assembly, clients: Clients, pseudo: PseudoParameters) -> list[Check]:
    """Runs the checks that depend on account and region only, in parallel."""
    account, region = pseudo.account, pseudo.region
    work: list[Callable[[], list[Check]]] = [
        lambda: [bootstrap.check_bootstrap(clients, assembly.bootstrap, account=account, region=region)],
        lambda: _check_stacks(assembly, clients, pseudo),
        *(
            lambda fleet=fleet, kind=kind: [quota.check_quota(clients, fleet, kind, region)]
            for fleet in assembly.fleets()
            for kind in fleet.instance_types
        ),
        *(
            lambda uri=uri: [image.check_image(clients, uri, account=account, region=region)]
            for uri in assembly.images(pseudo)
        ),
        lambda: [layer.check_layer(clients, assembly.layers(pseudo), region)],
        *(
            lambda place=place: [archive.check_archive(clients, place, account=account, region=region)]
            for place in assembly.archives(pseudo)
        ),
    ]
    with ThreadPoolExecutor(_THREADS) as pool:
        found = [check for checks in pool.map(lambda each: each(), work) for check in checks]
    return sorted(found, key=lambda check: _NAMES.index(check.name))


def _check_stacks(assembly: Assembly, clients: Clients, pseudo: PseudoParameters) -> list[Check]:
    """Checks the states of the stacks, and the physical names that they need."""
    try:
        states = describe_stacks(clients, [stack.name for stack in assembly.stacks])
    except AWS_ERRORS as error:
        # Without the stacks, the owner of a log group is unknown.
        return [
            unchecked(STACKS, _STACK_ACTIONS, error),
            *_skipped((physical_names.LOG_GROUP, physical_names.ENDPOINT), STACKS),
        ]
    groups = assembly.physical_names(physical_names.LOG_GROUP_TYPE, "LogGroupName", pseudo)
    endpoints = assembly.physical_names(physical_names.ENDPOINT_TYPE, "EndpointName", pseudo)
    return [
        judge_stacks(states, pseudo.region),
        physical_names.check_log_groups(clients, groups, states, pseudo.region),
        physical_names.check_endpoints(clients, endpoints, states, pseudo.region),
    ]


def _skipped(names: tuple[str, ...] | list[str], because: str) -> list[Check]:
    return [Check(name, Status.SKIPPED, f"Not checked: it depends on {because}.") for name in names]


def _pseudo(session: boto3.Session, account: str, region: str) -> PseudoParameters:
    partition = session.get_partition_for_region(region)
    return PseudoParameters(
        account, region, partition, "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    )
