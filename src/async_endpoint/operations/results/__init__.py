"""The results of a run as a table: CSV and Parquet."""
