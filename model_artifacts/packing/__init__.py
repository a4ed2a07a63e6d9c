"""Checks, names, fills and writes model.tar.gz; `model_artifacts/pack.py` is the entry point."""
