"""Who of the staff may do what: accounts, sign-ins, and the record of what they did."""
