"""Replay: strategies run over recorded samples, by the code that serves requests and on a simulated clock."""
