"""Who must act: cases and their history."""
