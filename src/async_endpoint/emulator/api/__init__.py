"""AWS's protocols at the door: SageMaker, Application Auto Scaling, Service Quotas, CloudFormation's resource types."""
