"""Each part killed, frozen and restarted under load; then every message, case and alert is counted."""
