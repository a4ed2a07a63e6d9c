"""Deletes deployed stacks with everything in them. Uses CloudFormation alone, and knows nothing of this app."""
