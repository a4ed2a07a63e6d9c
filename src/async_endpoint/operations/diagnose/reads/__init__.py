"""The reads of a diagnosis: one function for each part of the snapshot. None of them changes anything."""
