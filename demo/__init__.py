"""The demo: the whole life of the endpoint on a local AWS, by `make demo`."""
