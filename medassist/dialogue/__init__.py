"""How Rasa runs a conversation: guard policy, response wording, conversation store, server."""
