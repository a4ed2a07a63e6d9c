"""The warning for an image that gets no more security patches: only on the day after, and never in a template."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from aws_cdk import App, CfnResource, Stack

from app import build_app
from async_endpoint.protocol.serving_images import IMAGES
from stacks.patches import warn_of_end
from tests.stacks.templates import dev

LONG_AFTER = date(2031, 1, 1)
MIRROR = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/mirror/pytorch-inference:1.11.0-gpu-py38"
Warned = Callable[..., tuple[list[str], bytes]]


@pytest.fixture(scope="module")
def warned(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Warned:
    """Returns the warnings on a day, as the CDK CLI reads and prints them, and the endpoint's template."""

    def warnings(today: date | None, **changed: object) -> tuple[list[str], bytes]:
        folder = tmp_path_factory.mktemp("warned")
        build_app(dev(workflow__enabled=False, **changed), artifacts=artifacts, outdir=folder, today=today).synth()
        report = json.loads((folder / "validation-report.json").read_text(encoding="utf-8"))
        shown = [
            f"{each['ruleName']}: {each['description']}"
            for plugin in report["pluginReports"]
            for each in plugin["violations"]
            if each["severity"] == "warning"
        ]
        return shown, (folder / "Endpoint.template.json").read_bytes()

    return warnings


def test_the_default_image_is_warned_of_with_what_ended_when_and_what_to_set(warned: Warned) -> None:
    (warning,), template = warned(date(2026, 6, 30))
    assert warning == (
        "Annotation::async-endpoint:end-of-patch-pytorch-1.11: AWS's patches of the image pytorch-1.11 ended on "
        '2023-03-10: vulnerabilities found since stay open. Either set endpoint.image to "pytorch-2.6" (patched until '
        '2026-06-30) or "huggingface-2.6" (AWS has published no end), see docs/images.md, or add '
        '"end-of-patch-pytorch-1.11" to endpoint.acknowledged_warnings.'
    )
    assert warned(None) == ([], template), "the day changes no byte of the template"
    assert warned(LONG_AFTER)[1] == template


def test_an_image_is_warned_of_from_the_day_after_its_last_patches(warned: Warned) -> None:
    assert warned(date(2026, 6, 30), endpoint__image="pytorch-2.6")[0] == []
    (warning,), _ = warned(date(2026, 7, 1), endpoint__image="pytorch-2.6")
    assert "the image pytorch-2.6 ended on 2026-06-30" in warning
    assert 'set endpoint.image to "huggingface-2.6" (AWS has published no end), see' in warning


def test_an_image_without_a_published_end_is_not_warned_of(warned: Warned) -> None:
    assert warned(LONG_AFTER, endpoint__image="huggingface-2.6")[0] == []


def test_a_mirrored_image_is_warned_of_and_an_own_one_is_its_owner_s(warned: Warned) -> None:
    (warning,), _ = warned(LONG_AFTER, endpoint__image=MIRROR)
    assert "the image pytorch-1.11 ended on" in warning
    own = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/my-serving:1"
    assert warned(LONG_AFTER, endpoint__image=own)[0] == []


def test_an_acknowledged_warning_is_not_shown_and_another_image_s_is(warned: Warned) -> None:
    accepted = {"endpoint__acknowledged_warnings": ["end-of-patch-pytorch-1.11"]}
    assert warned(LONG_AFTER, **accepted)[0] == []
    assert len(warned(LONG_AFTER, endpoint__image="pytorch-2.6", **accepted)[0]) == 1


def test_where_nothing_is_patched_any_more_an_own_image_is_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = {name: replace(image, end_of_patch=date(2023, 3, 10)) for name, image in IMAGES.items()}
    monkeypatch.setattr("stacks.patches.IMAGES", ended)
    stack = Stack(App(), "Stack")
    resource = CfnResource(stack, "Resource", type="AWS::S3::Bucket")
    warn_of_end(resource, ended["huggingface-2.6"], today=LONG_AFTER, acknowledged=())
    (entry,) = (each for each in resource.node.metadata if each.type == "aws:cdk:warning")
    assert "Either build an image of your own, see docs/images.md, or add" in str(entry.data)
