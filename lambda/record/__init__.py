"""Records the outcome of each job, from SageMaker's notifications."""
