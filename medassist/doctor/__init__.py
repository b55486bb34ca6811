"""`medassist doctor`: is this installation as it should be, and what is to be done if not."""
