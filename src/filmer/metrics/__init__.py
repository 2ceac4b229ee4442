"""What Prometheus is told (docs/metrics.md)."""
