"""Finds instances that run without work, without CloudWatch: it notifies, and may stop them."""
