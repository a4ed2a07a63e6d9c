"""AWS's protocols at the door: SageMaker, Application Auto Scaling, Service Quotas, and CloudFormation's resource types."""
