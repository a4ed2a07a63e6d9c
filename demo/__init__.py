"""`make demo`: the main job on a local AWS."""
