"""How model.tar.gz is checked, named, filled and written; `model_artifacts/pack.py` is the way in."""
