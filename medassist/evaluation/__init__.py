"""How good it is: labelled sets, scores, floors that may not be fallen below, and the report."""
