"""A SageMaker asynchronous endpoint that scales to zero: its client, its local AWS and its tools."""
