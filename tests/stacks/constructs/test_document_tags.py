"""The permission to tag documents: only where the stage wants it, and only below the two inboxes."""

from aws_cdk.assertions import Template

from tests.stacks.templates import INPUT, JsonObject, TemplateWith, below, by_id_prefix


def statements(template: Template) -> dict[str | None, JsonObject]:
    policy = by_id_prefix(template, "AWS::IAM::ManagedPolicy", "NotifierPermissions")["Properties"]["PolicyDocument"]
    return {each.get("Sid"): each for each in policy["Statement"]}


def variables(template: Template) -> JsonObject:
    function = by_id_prefix(template, "AWS::Lambda::Function", "NotifierFunction")["Properties"]
    found: JsonObject = function["Environment"]["Variables"]
    return found


def test_by_default_nothing_may_be_tagged(workflow: Template) -> None:
    assert "TagDocuments" not in statements(workflow)
    assert "TAGGED_BUCKET" not in variables(workflow)


def test_documents_of_both_inboxes_may_be_tagged(workflow_with: TemplateWith) -> None:
    template = workflow_with(notifications__tag_documents=True)
    statement = statements(template)["TagDocuments"]
    inboxes = [below(INPUT, f"/{inbox}/*") for inbox in ("inbox-urgent", "inbox")]
    verbs = [f"s3:{verb}Object{what}Tagging" for verb in ("Get", "Put") for what in ("", "Version")]
    assert (statement["Action"], statement["Resource"]) == (verbs, inboxes)
    assert "TAGGED_BUCKET" in variables(template)
