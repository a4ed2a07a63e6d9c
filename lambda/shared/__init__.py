"""Code that every function includes: settings, logging, batches and client configuration."""
