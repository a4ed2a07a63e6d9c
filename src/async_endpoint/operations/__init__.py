"""What a command does to a stage."""
