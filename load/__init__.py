"""How many conversations are held at once while 95 of 100 first replies come within one second."""
