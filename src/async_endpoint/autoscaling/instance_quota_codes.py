"""The service quotas on the instances of endpoints: their names, and the codes of those that public sources give.

Preflight believes a code only where Service Quotas gives it this name. Source of the codes: the public repository
aws-samples/easy-model-deployer, `src/emd/models/utils/constants.py`. No source says whether they are the same in every
region; public projects use them so. Instances of an asynchronous endpoint count in the same quota.
"""

QUOTA_SERVICE_CODE = "sagemaker"
INSTANCE_QUOTA_CODES = {
    "ml.g4dn.xlarge": "L-B67CFA0C",
    "ml.g4dn.2xlarge": "L-EA346344",
    "ml.g4dn.4xlarge": "L-31522FA6",
    "ml.g4dn.8xlarge": "L-7D28AD75",
    "ml.g4dn.12xlarge": "L-07BEB181",
    "ml.g4dn.16xlarge": "L-8679F6F3",
    "ml.g5.xlarge": "L-1928E07B",
    "ml.g5.2xlarge": "L-9614C779",
    "ml.g5.4xlarge": "L-C1B9A48D",
    "ml.g5.8xlarge": "L-065D610E",
    "ml.g5.12xlarge": "L-65C4BD00",
    "ml.g5.16xlarge": "L-962705EA",
    "ml.g5.24xlarge": "L-6821867B",
    "ml.g5.48xlarge": "L-0100B823",
}


def instance_quota_name(instance_type: str) -> str:
    """Returns the name of the quota on a type's instances, as Service Quotas and SageMaker's errors show it."""
    return f"{instance_type} for endpoint usage"
