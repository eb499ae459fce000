"""The processes of one server among themselves: where each is, and how one asks the others."""
