"""Finds jobs that no message will finish any more, and finishes them or sends their messages again."""
