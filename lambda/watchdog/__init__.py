"""Finds instances that run without work, without CloudWatch: notifies, and may stop them."""
