"""What is kept of people, for how long, and how it is removed, handed out and backed up."""
