"""Model containers as processes: the serving toolkit and TorchServe in a Python 3.8 environment, without Docker.

`environment.prepare` builds what the inference image holds, once; `model_container.ModelContainer` runs on it.
Nothing is imported here: `requirements` must run before any package is installed.
"""
