"""The `quorum` command."""

from __future__ import annotations

import argparse
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from app.descriptors import allow_many
from app.errors import QuorumError
from app.hangup import hold_hangups
from app.settings.origin import DEFAULT_CONFIG
from app.settings.reading import ConfigurationError, configured_file, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from app.settings.settings import Settings

USAGE_ERROR = 2
MAX_PORT = 65_535
MAX_RATE = 1e9
MAX_ORDERS = 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status. Imports only what the chosen command needs."""
    own, flags = split(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_args(own, argparse.Namespace(flags=flags))
    try:
        return options.run(options)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"quorum: {place}{error.strerror or error}", file=sys.stderr)
        return USAGE_ERROR
    except (QuorumError, ConfigurationError) as error:
        print(f"quorum: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        return 130


def split(arguments: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return our arguments, and those of vLLM behind `--`, which only `quorum worker` has."""
    if "--" not in arguments or arguments[0] != "worker":
        return arguments, ()
    at = list(arguments).index("--")
    return arguments[:at], arguments[at + 1 :]


def parser() -> argparse.ArgumentParser:
    """Return the command's grammar."""
    top = argparse.ArgumentParser(prog="quorum", description="An OpenAI-compatible server for test-time scaling.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    serve_command = commands.add_parser("serve", help="serve until interrupted")
    serve_command.add_argument("--host", help="address to listen at (default 127.0.0.1)")
    serve_command.add_argument("--port", type=int, help="port to listen at, 0 for a free one (default 8000)")
    serve_command.add_argument("--config", type=Path, help=f"configuration file (default {DEFAULT_CONFIG})")
    serve_command.add_argument("--worker", action="append", metavar="URL", help="a worker's address; may be repeated")
    serve_command.add_argument("--model", type=Path, metavar="FILE.gguf", help="model of the embedded worker")
    serve_command.add_argument("--processes", type=int, metavar="N", help="processes that serve (default 1)")
    serve_command.add_argument("--insecure", action="store_true", help="listen beyond this machine without API keys")
    serve_command.set_defaults(run=serve)

    add_worker_options(
        commands.add_parser(
            "worker",
            help="run vLLM as a worker, registered in Redis while it serves",
            usage="quorum worker MODEL [options] [-- vLLM's own flags]",
        )
    )

    demo_command = commands.add_parser("demo", help="ask a real model a few questions under every strategy")
    demo_command.add_argument(
        "--programs", action="store_true", help="let it write small functions instead, verified by hidden tests"
    )
    demo_command.set_defaults(run=demo)

    add_replay_options(commands.add_parser("replay", help="run strategies over recorded samples, on a simulated clock"))

    add_replay_worker_options(
        commands.add_parser("replay-worker", help="serve recorded samples as a worker would, at a real pace")
    )

    version_command = commands.add_parser("version", help="print the version")
    version_command.set_defaults(run=print_version)
    return top


def add_worker_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `quorum worker`."""
    command.add_argument("model", metavar="MODEL", help="what vLLM serves: a name or a directory")
    command.add_argument("--host", default="127.0.0.1", help="address to listen at (default 127.0.0.1)")
    command.add_argument("--port", type=port, default=8001, help="port to listen at (default 8001)")
    command.add_argument("--advertise", metavar="URL", help="address for gateways, where it isn't that of --host")
    command.add_argument("--name", help="what logs, metrics and responses call it")
    command.add_argument("--redis", metavar="URL", help="Redis to register in; better set by QUORUM_REDIS_URL")
    command.add_argument(
        "--label", action="append", type=label, default=[], metavar="KEY=VALUE", help="may be repeated"
    )
    command.add_argument("--limit", type=int, metavar="N", help="candidates that it draws at once, at most")
    command.add_argument("--python", type=Path, metavar="PATH", help="Python of vLLM's environment")
    command.set_defaults(run=worker)


def add_replay_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `quorum replay`."""
    command.add_argument(
        "files", metavar="FILE", type=Path, nargs="+", help="recordings, .jsonl or .jsonl.gz; before the options"
    )
    command.add_argument(
        "--strategies",
        metavar="STRATEGY",
        nargs="+",
        required=True,
        help="short forms, presets or specs, each perhaps as LABEL=...; @FILE with several; or `frontier`",
    )
    command.add_argument("--problems", metavar="REGEX", help="only those with a match in their id (default all)")
    command.add_argument("--orders", type=orders, default=100, metavar="N", help="random orders (default 100)")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of the random orders (default 0)")
    command.add_argument(
        "--processes", type=positive, metavar="N", help="processes that compute (default and at most all CPUs)"
    )
    command.add_argument("--baseline", metavar="LABEL", help="what others are compared with (default the first)")
    command.add_argument("--csv", type=Path, metavar="FILE", help="write the results there")
    command.add_argument("--plot", type=Path, metavar="FILE", help="draw them there, as .png or .svg")
    command.add_argument("--config", type=Path, help=f"configuration with presets (default {DEFAULT_CONFIG})")
    command.set_defaults(run=replay)


def add_replay_worker_options(command: argparse.ArgumentParser) -> None:
    """Add the options of `quorum replay-worker`."""
    command.add_argument("file", metavar="FILE", type=Path, help="a recording, .jsonl or .jsonl.gz")
    command.add_argument("--host", default="127.0.0.1", help="address to listen at (default 127.0.0.1)")
    command.add_argument(
        "--port", type=port_or_any, default=8001, help="port to listen at, 0 for a free one (default 8001)"
    )
    command.add_argument(
        "--tokens-per-second", type=rate, default=50.0, metavar="R", help="of each completion (default 50)"
    )
    command.add_argument("--speedup", type=rate, default=1.0, metavar="S", help="so many times as fast (default 1)")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="of the samples' order (default 0)")
    command.add_argument("--model", metavar="NAME", help="what the model is called (default the file's name)")
    command.set_defaults(run=replay_worker)


def rate(text: str) -> float:
    """Return the number; raises ValueError where it isn't above 0, or more than anything can speak."""
    number = float(text)
    if not 0 < number <= MAX_RATE:
        raise ValueError
    return number


def orders(text: str) -> int:
    """Return the number of random orders; raises ArgumentTypeError where it is none, or more than make sense."""
    if not text.isdecimal() or not 1 <= int(text) <= MAX_ORDERS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {MAX_ORDERS:,}")
    return int(text)


def positive(text: str) -> int:
    """Return the number; raises ValueError where it isn't at least 1."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def port_or_any(text: str) -> int:
    """Return the port that is written, 0 for any; raises ArgumentTypeError where it is none."""
    return 0 if text == "0" else port(text)


def port(text: str) -> int:
    """Return the port that is written; raises ArgumentTypeError where it is none that a server can be found at."""
    if not text.isdecimal() or not 1 <= int(text) <= MAX_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 1 to {MAX_PORT}")
    return int(text)


def label(text: str) -> tuple[str, str]:
    """Return key and value of `KEY=VALUE`; raises ArgumentTypeError where it isn't that."""
    key, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def given(options: argparse.Namespace) -> dict[str, object]:
    """Return the settings that the flags give."""
    named = {"host": options.host, "port": options.port, "workers": options.worker, "processes": options.processes}
    flags: dict[str, object] = {name: value for name, value in named.items() if value is not None}
    if options.insecure:
        flags["insecure"] = True
    if options.model is not None:
        flags["embedded"] = {"model": options.model}
    return flags


def serve(options: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM; SIGHUP has the configuration read again."""
    from app.telemetry.logs import configure_logging  # noqa: PLC0415 - not every command needs it

    hold_hangups()
    file = configured_file(options.config)  # from now on needed: without it, all of it would be defaults
    read = partial(load_settings, file, given(options))
    settings = read()
    configure_logging(settings.log_level)
    allow_many()
    if settings.processes == 1:
        return serve_alone(settings, read)
    from app.processes.parent import serve_with_children  # noqa: PLC0415 - nor this

    return serve_with_children(settings, file, given(options))


def serve_alone(settings: Settings, read: Callable[[], Settings]) -> int:
    """Serve in this process."""
    from app.main import create_app  # noqa: PLC0415 - the server's parts take a second to import
    from app.server import Server, announce, bind, spare_collector  # noqa: PLC0415

    app = create_app(settings)
    with bind(settings.host, settings.port) as listener:
        server = Server(app, listener, grace_s=settings.shutdown_grace_s, read=read)
        spare_collector()
        announce(listener)
        server.run(sockets=[listener])
    return 0 if server.started else 1


def worker(options: argparse.Namespace) -> int:
    """Run vLLM until it ends or a signal comes."""
    from app.telemetry.logs import configure_logging  # noqa: PLC0415 - only this command needs these
    from app.worker.command import run_worker  # noqa: PLC0415
    from app.worker.plan import Plan, UnusablePlanError  # noqa: PLC0415

    configure_logging("info")
    plan = Plan(
        model=options.model,
        host=options.host,
        port=options.port,
        advertise=options.advertise,
        name=options.name,
        labels=dict(options.label),
        limit=options.limit,
        python=options.python,
        flags=options.flags,
    )
    try:
        return run_worker(plan, options.redis)
    except UnusablePlanError as error:
        print(f"quorum: {error}", file=sys.stderr)
        return USAGE_ERROR


def demo(options: argparse.Namespace) -> int:
    """Run the demo; succeeds only if every strategy did."""
    from app.demo import run_demo, run_programs_demo  # noqa: PLC0415 - only the demo needs it

    return run_programs_demo() if options.programs else run_demo()


def replay(options: argparse.Namespace) -> int:
    """Run strategies over recordings and print what they come to."""
    from app.replay.command import Request, run_replay  # noqa: PLC0415 - only this command needs it

    return run_replay(Request(**{name: getattr(options, name) for name in Request.__struct_fields__}))


def replay_worker(options: argparse.Namespace) -> int:
    """Serve recorded samples until a signal comes."""
    from app.replay.worker.command import WorkerRequest, run_replay_worker  # noqa: PLC0415 - only this command needs it

    return run_replay_worker(
        WorkerRequest(**{name: getattr(options, name) for name in WorkerRequest.__struct_fields__})
    )


def print_version(_options: argparse.Namespace) -> int:
    """Print the version."""
    print(version("quorum"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
