"""How unlike each other a run's candidates are: by their answers, their words and their embeddings."""
