"""The tables of a stage's file, each a frozen dataclass that refuses what cannot be used."""
