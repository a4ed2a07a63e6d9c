"""The local AWS: ministack with SageMaker hosting and Application Auto Scaling added.

`launcher.LocalAws` starts and stops it as a process of its own. `server` is that process; only its package `ministack`
imports ministack.
"""
