"""Who of the clinic may do what: accounts, sign-ins, and the record of both."""
