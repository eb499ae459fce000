"""Judging by models: what they are asked about candidates, and how their answers are read. It makes no calls itself."""
