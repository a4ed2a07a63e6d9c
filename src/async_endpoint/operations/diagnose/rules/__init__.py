"""The rules of a diagnosis: each is a function of a snapshot that returns a finding or nothing."""
