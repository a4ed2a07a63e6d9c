"""The process of the local AWS: gateway, regions, ministack behind one package, saved state, logs."""
