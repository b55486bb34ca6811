"""medassist: a self-hosted chatbot for medication questions."""

__version__ = "0.1.0"
