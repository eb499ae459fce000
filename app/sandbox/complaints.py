"""What bubblewrap says where it can't isolate a program, in words that say what to do."""

from __future__ import annotations

from app.errors import SandboxError, SandboxUnavailableError

_REMEDIES = (
    ("Unknown option", "bubblewrap 0.8 or newer is needed"),
    ("mount proc", "a container that masks parts of /proc allows no fresh one (docs/sandbox.md, Docker)"),
    ("namespace", "namespaces are not allowed here, as under a container's default seccomp profile (docs/sandbox.md)"),
    ("uid map", "user namespaces are not allowed here (docs/sandbox.md)"),
    ("Operation not permitted", "this process lacks rights that it needs (docs/sandbox.md)"),
    ("execvp", "setpriv and prlimit are needed: apt-get install util-linux"),
)


def explained(returncode: int | None, stderr: bytes) -> SandboxError:
    """Return the error for a bubblewrap that ended by itself, with its last words, before the program had begun."""
    said = stderr.decode(errors="replace").strip()[:500]
    if not said.startswith("bwrap: "):
        return SandboxError(
            f"A sandbox ended before its program had begun (status {returncode}): {said or 'silently'}."
        )
    remedy = next((remedy for sign, remedy in _REMEDIES if sign in said), "see docs/sandbox.md")
    return SandboxUnavailableError(
        f"bubblewrap can't isolate programs here: {said.removeprefix('bwrap: ')}: {remedy}; or set sandbox.url to a "
        "remote executor."
    )
