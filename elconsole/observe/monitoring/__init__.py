"""A Grafana dashboard and Prometheus alert rules for elconsole's metrics."""
