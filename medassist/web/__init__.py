"""The front door: the chat page, and the only way from a browser to Rasa and back."""
