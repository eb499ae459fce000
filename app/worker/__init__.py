"""`quorum worker`: run vLLM as a worker of Quorum, and have it known to the gateways for as long as it serves."""
