"""The local AWS: ministack with SageMaker hosting and Application Auto Scaling added.

`local.LocalAws` starts and stops it as a process of its own. `server` is that process; it alone
imports ministack, and only through `ministack_adapter`.
"""
