"""Workers: the servers that run models, and everything that knows how they really behave."""
