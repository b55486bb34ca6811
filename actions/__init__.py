"""Rasa custom actions: read the conversation, ask a room, word the reply, return events."""
