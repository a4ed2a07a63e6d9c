"""Causes that plain calls provoke on a stage that sleeps, each undone at once."""

from tests.support import why_deploy_faults, why_faults, why_permission_faults, why_scaling_faults
from tests.support.why_stage import Fault

# The name of the cause, what is done, and how.
CAUSES: list[tuple[str, str, Fault]] = [
    ("wrong-dimension", "the wake alarm watches another endpoint", why_scaling_faults.wake_alarm_of_another_endpoint),
    ("wrong-dimension", "a metric of the queue with a variant", why_scaling_faults.queue_metric_with_a_variant),
    ("alarm-actions-disabled", "the sleep alarm may not act", why_scaling_faults.disabled_actions("ScalingSleepAlarm")),
    ("alarm-actions-disabled", "the wake alarm may not act", why_scaling_faults.disabled_actions("ScalingWakeAlarm")),
    ("alarm-deleted", "the sleep alarm is deleted", why_scaling_faults.deleted_alarm),
    ("policy-alarm-deleted", "target tracking's alarm is deleted", why_scaling_faults.deleted_alarm_of_target_tracking),
    ("alarm-without-action", "the wake alarm has no action", why_scaling_faults.alarm_without_action),
    (
        "scaling-suspended",
        "scaling out is suspended",
        why_scaling_faults.target_with(SuspendedState={"DynamicScalingOutSuspended": True}),
    ),
    (
        "scaling-suspended",
        "scaling in is suspended",
        why_scaling_faults.target_with(SuspendedState={"DynamicScalingInSuspended": True}),
    ),
    ("maximum-zero", "the target allows no instance", why_scaling_faults.target_with(MaxCapacity=0)),
    ("policy-deleted", "the wake policy is deleted", why_scaling_faults.deleted_policy),
    ("target-deregistered", "the target is deregistered", why_scaling_faults.deregistered_target),
    ("permission-missing", "the role lost its policy", why_permission_faults.role_without_its_policy),
    ("permission-missing", "the role may not write results", why_permission_faults.policy_that_writes_nothing),
    ("permission-missing", "the role may not publish", why_permission_faults.role_that_may_not_publish),
    ("watchdog-disabled", "the watchdog's rule is off", why_faults.disabled_rule("WatchdogSchedule")),
    ("reconciler-disabled", "the reconciler's rule is off", why_faults.disabled_rule("ReconcilerSchedule")),
    ("uploads-rule-disabled", "the inbox's rule is off", why_faults.disabled_rule("Uploads")),
    (
        "uploads-rule-reaches-nothing",
        "the inbox's rule has no target",
        why_permission_faults.rule_without_target("Uploads"),
    ),
    (
        "watchdog-rule-reaches-nothing",
        "the watchdog may not be invoked",
        why_permission_faults.function_that_no_rule_may_invoke("Watchdog"),
    ),
    ("intake-mapping-disabled", "the intake's mapping is off", why_faults.disabled_mapping("Intake")),
    ("results-mapping-disabled", "the results' mapping is off", why_faults.disabled_mapping("Results")),
    ("notifier-mapping-disabled", "the notifier's mapping is off", why_faults.disabled_mapping("Notifier")),
    ("function-throttled", "a function may not run", why_faults.throttled_function),
    ("inbox-silent", "the bucket sends no events", why_faults.silent_inbox),
    ("archive-missing", "the model's archive is deleted", why_faults.missing_archive),
    ("bucket-policy-denies", "the output bucket denies writes", why_permission_faults.denying_bucket),
    ("subscription-missing", "the success topic is not subscribed", why_faults.unsubscribed("Success")),
    ("subscription-missing", "the error topic is not subscribed", why_faults.unsubscribed("Error")),
    ("topic-missing", "the success topic is deleted", why_faults.missing_topic("Success")),
    ("topic-missing", "the error topic is deleted", why_faults.missing_topic("Error")),
    ("queue-missing", "the results queue is deleted", why_faults.missing_queue("Results")),
    ("queue-missing", "the urgent queue is deleted", why_faults.missing_queue("Urgent")),
    ("intake-dead-letters", "the intake's DLQ fills", why_faults.dead_letter("Intake")),
    ("urgent-dead-letters", "the urgent queue's DLQ fills", why_faults.dead_letter("Urgent")),
    ("results-dead-letters", "the results' DLQ fills", why_faults.dead_letter("Results")),
    ("out-of-memory", "the log reports CUDA out of memory", why_faults.logged("RuntimeError: CUDA out of memory.")),
    ("worker-died", "the log reports a dead worker", why_faults.logged("Backend worker process died.")),
    ("drift", "another configuration serves", why_faults.other_configuration),
    ("key-disabled", "the stage's key is disabled", why_deploy_faults.disabled_key),
]
