"""Telemetry: sinks that read the frozen record of a run."""
