"""What medassist costs, measured beside a stock bot in one run on one machine."""
