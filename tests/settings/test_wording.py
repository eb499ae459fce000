from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.settings.reading import ConfigurationError, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    Configure = Callable[[str], None]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("port = 'many'", 'port: must be a whole number, not "many" (quorum.toml)'),
        ("port = 8000.5", "port: must be a whole number, not 8000.5 (quorum.toml)"),
        ("port = true", "port: must be a number, not true (quorum.toml)"),
        ("[retries]\nshare = false", "retries.share: must be a number, not false (quorum.toml)"),
        ("[admission]\nmax_wait_s = true", "admission.max_wait_s: must be a number, not true (quorum.toml)"),
        ("processes = 0", "processes: must be at least 1, not 0 (quorum.toml)"),
        ("insecure = 'maybe'", 'insecure: must be true or false, not "maybe" (quorum.toml)'),
        ("host = 5", "host: must be a text (quorum.toml)"),
        ("host = '[::1]'", "host: must be an address or a name alone, without scheme, brackets, spaces or port"),
        ("host = '127.0.0.1:80'", "host: must be an address or a name alone, without scheme, brackets, spaces or port"),
        ("[embedded]\nmodel = ''", "embedded.model: must name a file; leave it out for the built-in model"),
        ("[embedded]\ncontext = 99999999999", "embedded.context: must be at most 1048576, not 99999999999"),
        ("log_level = 'loud'", "log_level: must be 'debug', 'info', 'warning' or 'error', not \"loud\" (quorum.toml)"),
        ("limits = 5", "limits: must be a table (quorum.toml)"),
        ("[timeouts]\nidle_s = inf", "timeouts.idle_s: must be a finite number, not Infinity (quorum.toml)"),
        ("[timeouts]\nidle_s = '5s'", 'timeouts.idle_s: must be a number, not "5s" (quorum.toml)'),
        ("[timeouts]\nidle_s = 0", "timeouts.idle_s: must be more than 0, not 0 (quorum.toml)"),
        ("[aliases]\nfast = ''", "aliases.fast: must not be empty (quorum.toml)"),
        ("[aliases]\n'' = 'm'", 'aliases."": must not be empty (quorum.toml)'),
        ("workers = 5", "workers: must be a list (quorum.toml)"),
        (
            "workers = [5]",
            "workers: each entry must be an address such as http://HOST:PORT, or a table with a url (quorum.toml)",
        ),
        ("workers = ['a:8000']", "workers.0.url: must be an address such as http://HOST:PORT (quorum.toml)"),
        ("workers = [{name = 'a'}]", "workers.0.url: must be given (quorum.toml)"),
        (
            "workers = [{url = 'http://a', name = 'a b'}]",
            "workers.0.name: must be 1 to 64 letters, digits or signs of ASCII, without spaces (quorum.toml)",
        ),
        (
            "default_strategy = 5",
            'default_strategy: must be a short form such as "parallel-8", the name of a preset, or a table with a type',
        ),
        ("redis_url = 5", "redis_url: must be a text (quorum.toml)"),
        ("[sandbox]\nread_only = [5]", "sandbox.read_only.0: must be a path (quorum.toml)"),
        ("[prices.m]\nprompt = -1", "prices.m.prompt: must be at least 0, not -1 (quorum.toml)"),
        ("colour = 'red'", "colour: there is no such key; docs/configuration.md lists them all (quorum.toml)"),
        ("[limit]\na = 1", "limit: there is no such key; did you mean limits? (quorum.toml)"),
        (
            "[limits]\nmax_candiates = 1",
            "limits.max_candiates: there is no such key; did you mean max_candidates? (quorum.toml)",
        ),
        (
            "max_candidates = 1",
            "max_candidates: there is no such key; did you mean limits.max_candidates, in the table [limits]?",
        ),
        (
            "[limits]\nport = 1",
            "limits.port: there is no such key; did you mean port, above all tables? (quorum.toml)",
        ),
        ("port = -1\nprocesses = 0", "port: must be at least 0, not -1 (quorum.toml); processes: must be at least 1"),
        ("Port = 1\nport = 2", "quorum.toml is not TOML: port stands twice in it"),
        ("a = " + 2_000 * "[", "quorum.toml is nested too deep"),
        ("[limits]\na=1\nb=1\nc=1\nd=1\ne=1\nf=1\ng=1", "; and 2 more"),
    ],
)
def test_what_is_wrong_in_the_file_is_told_in_plain_words(configure: Configure, text: str, told: str) -> None:
    configure(text)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, {})
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("QUORUM_PORT", "many", 'port: must be a whole number, not "many" (QUORUM_PORT)'),
        ("quorum_port", "", 'port: must be a whole number, not "" (quorum_port)'),
        ("QUORUM_LIMITS", "{", "limits: must be a table, written in JSON (QUORUM_LIMITS)"),
        ("QUORUM_LIMITS", "5", "limits: must be a table (QUORUM_LIMITS)"),
        ("QUORUM_LIMITS", '{"max_calls": 0}', "limits.max_calls: must be at least 1, not 0 (QUORUM_LIMITS)"),
        ("QUORUM_LIMITS__MAX_CALLS", "0", 'limits.max_calls: must be at least 1, not "0" (QUORUM_LIMITS__MAX_CALLS)'),
        ("QUORUM_ALIASES", "fast=m", "aliases: must be a table, written in JSON (QUORUM_ALIASES)"),
        ("QUORUM_WORKER", "http://a", "QUORUM_WORKER: no such setting; did you mean QUORUM_WORKERS?"),
        ("QUORUM_MAX_CALLS", "1", "QUORUM_MAX_CALLS: no such setting; did you mean QUORUM_LIMITS__MAX_CALLS?"),
        ("QUORUM_COLOUR", "red", "QUORUM_COLOUR: no such setting; docs/configuration.md lists them all"),
        ("QUORUM_PORT_8000_TCP", "tcp://a", "give the pod enableServiceLinks: false"),
    ],
)
def test_what_is_wrong_in_the_environment_is_told_with_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, {})
    assert told in str(caught.value)


def test_what_is_wrong_with_a_flag_is_told_with_it_though_others_set_the_same(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("port = 5\nworkers = ['http://a:1']\n")
    monkeypatch.setenv("QUORUM_PORT", "6")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, {"port": -1, "workers": ["a"]})
    assert "port: must be at least 0, not -1 (--port)" in str(caught.value)
    assert "workers.0.url: must be an address such as http://HOST:PORT (--worker)" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "api_keys = [['hidden']]",
        "api_keys = {hidden = 1}",
        "admin_keys = [{hidden = 'hidden'}]",
        "worker_api_key = ['hidden']",
        "redis_url = ['hidden']",
        "[webhooks]\nsecret = 'hidden'",
        "[webhooks]\nsecret = ['hidden']",
        "workers = ['http://me:hidden@a:port']",
        "[sandbox]\nurl = 'hidden'",
        "[discovery]\ndns = ['https://me:hidden@a']",
    ],
)
def test_nothing_that_may_be_a_secret_is_told(configure: Configure, text: str) -> None:
    configure(text)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, {})
    assert "hidden" not in str(caught.value)
