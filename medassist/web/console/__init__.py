"""The staff console under `/staff`: pages made on the server, behind one shell."""
