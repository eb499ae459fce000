"""Where workers come from: each source names the workers that it knows of, and says when that changes."""
