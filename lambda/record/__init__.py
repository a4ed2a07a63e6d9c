"""Records how each job ended, from the notifications of SageMaker."""
