"""A worker that answers recorded problems with recorded samples, at a real pace, over OpenAI's API."""
