"""Rasa connectors of our own."""
