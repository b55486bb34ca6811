"""Rasa graph components: thin adapters over the rooms that know names, danger and details."""
