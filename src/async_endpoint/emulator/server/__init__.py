"""The process of the local AWS: gateway, regions, ministack behind one adapter, state on disk, logs."""
