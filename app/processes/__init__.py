"""One server in several processes: a parent that listens and looks after them, and children that serve.

The children take connections from one listening socket, and share the rest through `app.siblings`, and through Redis.
"""
