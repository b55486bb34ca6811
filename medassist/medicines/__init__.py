"""What we may say: medicine files, medicine names, and the vetted answers."""
