"""Each part killed, frozen and restarted under load; then every message and alert is counted."""
