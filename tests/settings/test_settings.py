from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from app.loopback import is_loopback
from app.settings.origin import CONFIG_VARIABLE
from app.settings.reading import ConfigurationError, load_settings
from app.settings.settings import Settings
from app.workers.discovery.base import Announced
from app.workers.health import HealthRules

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Configure = Callable[[str], None]


def test_without_configuration_the_server_is_local_and_serves_its_own_model() -> None:
    settings = Settings()
    assert (settings.host, settings.port, settings.workers, settings.default_strategy) == (
        "127.0.0.1",
        8_000,
        (),
        "single",
    )


def test_flags_win_over_the_environment_and_that_over_the_file(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure('host = "127.0.0.2"\nport = 1\nlog_level = "debug"\n[limits]\nmax_candidates = 7\n')
    monkeypatch.setenv("QUORUM_HOST", "127.0.0.3")
    monkeypatch.setenv("QUORUM_LIMITS__MAX_MESSAGES", "5")
    settings = Settings(port=2)
    assert (settings.log_level, settings.host, settings.port) == ("debug", "127.0.0.3", 2)
    assert (settings.limits.max_candidates, settings.limits.max_messages) == (7, 5)


def test_another_file_may_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.toml"
    other.write_text("port = 9\n[presets.wide]\ntype = 'parallel'\nn = 8\n", encoding="utf-8")
    monkeypatch.setenv(CONFIG_VARIABLE, str(other))
    assert Settings().port == 9
    assert Settings().presets == {"wide": {"type": "parallel", "n": 8}}


def test_workers_and_keys_of_the_environment_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORUM_WORKERS", "http://a:1, http://b:2/ ,")
    monkeypatch.setenv("QUORUM_API_KEYS", "first-key, second-key")
    monkeypatch.setenv("QUORUM_ADMIN_KEYS", "third-key,fourth-key")
    settings = Settings()
    assert [worker.url.host for worker in settings.workers] == ["a", "b"]
    assert [key.get_secret_value() for key in settings.api_keys] == ["first-key", "second-key"]
    assert [key.get_secret_value() for key in settings.admin_keys] == ["third-key", "fourth-key"]
    assert "first-key" not in repr(settings)
    assert "third-key" not in repr(settings)


@pytest.mark.parametrize(
    "text",
    [
        "prot = 1\n",
        "[limits]\nmax_candiates = 1\n",
        "port = 65536\n",
        'log_level = "loud"\n',
        'workers = ["not a url"]\n',
        'workers = ["http://a:1?b=c"]\n',
        'workers = [{name = "a"}]\n',
        'workers = [{url = "http://a:1", limit = 0}]\n',
        'workers = [{url = "http://a:1", name = "two words"}]\n',
        'workers = [{url = "http://a:1", labels = {zone = ""}}]\n',
        'workers = [{url = "http://a:1", name = "a"}, {url = "http://b:1", name = "a"}]\n',
        'workers = {url = "http://a:1"}\n',
        '[discovery]\ndns = ["https://a:1"]\n',
        '[discovery]\ndns = ["http://me:secret@a:1"]\n',
        'redis_prefix = "a b"\n',
        '[aliases]\nfast = ""\n',
        "[prices.m]\nprompt = -1.0\n",
        "[limits]\nmax_candidates = 0\n",
        'api_keys = [""]\n',
    ],
)
def test_a_mistake_in_the_file_is_an_error(configure: Configure, text: str) -> None:
    configure(text)
    with pytest.raises(ValidationError):
        Settings()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])  # noqa: S104 - what is refused
def test_a_server_that_others_can_reach_needs_keys_or_a_word(host: str) -> None:
    with pytest.raises(ValidationError, match="can be reached from other machines"):
        Settings(host=host)
    assert Settings(host=host, insecure=True).host == host
    assert Settings.model_validate({"host": host, "api_keys": ["secret"]}).host == host


def test_a_clients_key_can_not_be_an_operators_too() -> None:
    with pytest.raises(ConfigurationError, match="in common") as caught:
        load_settings(None, {"api_keys": ["one", "shared"], "admin_keys": ["shared"]})
    assert "shared" not in str(caught.value)


def test_keys_of_nothing_do_not_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORUM_API_KEYS", " , ")
    with pytest.raises(ValidationError, match="set api_keys"):
        Settings(host="0.0.0.0")  # noqa: S104 - what is refused


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("10.0.0.1", False), ("x", False)],
)
def test_loopback_is_what_only_this_machine_reaches(*, host: str, local: bool) -> None:
    assert is_loopback(host) == local


@pytest.mark.parametrize("address", ["http://me:secret@a:1", "http://me@a:1", "http://:secret@a:1"])
def test_an_address_with_a_password_is_refused_and_not_repeated(configure: Configure, address: str) -> None:
    configure(f'workers = ["{address}"]\n')
    with pytest.raises(ConfigurationError, match="worker_api_key") as caught:
        load_settings(None, {})
    assert "secret" not in str(caught.value)


def test_a_worker_may_be_a_table(configure: Configure) -> None:
    configure(
        'workers = ["http://a:1/v1/", {url = "http://b:2/behind/v1", name = "b", limit = 3, labels = {zone = "x"}}]\n'
    )
    assert [worker.announced for worker in Settings().workers] == [
        Announced(url="http://a:1"),
        Announced(url="http://b:2/behind", name="b", limit=3, labels={"zone": "x"}),
    ]


def test_discovery_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORUM_DISCOVERY__DNS", "http://a:1, http://b:2")
    monkeypatch.setenv("QUORUM_REDIS_URL", "redis://:hidden@c:6379/0")
    settings = load_settings(None, {})
    assert [url.host for url in settings.discovery.dns] == ["a", "b"]
    assert settings.redis_url
    assert settings.redis_url.get_secret_value() == "redis://:hidden@c:6379/0"
    assert "hidden" not in repr(settings)


def test_a_redis_that_is_none_is_refused_and_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORUM_REDIS_URL", "http://:hidden@c:6379/0")
    with pytest.raises(ConfigurationError, match="no address of a Redis") as caught:
        load_settings(None, {})
    assert "hidden" not in str(caught.value)


def test_webhooks_hosts_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUORUM_WEBHOOKS__ALLOWED_HOSTS", "verify.example.com, 10.0.0.0/8")
    monkeypatch.setenv("QUORUM_WEBHOOKS__SECRET", "sixteen characters")
    settings = load_settings(None, {})
    assert settings.webhooks.allowed_hosts == ("verify.example.com", "10.0.0.0/8")
    assert "sixteen" not in repr(settings)


@pytest.mark.parametrize(
    ("webhooks", "said"),
    [
        ({"allowed_hosts": ["verify.example.com"]}, "set webhooks.secret"),
        ({"allowed_hosts": ["*.example.com"], "secret": "sixteen characters"}, "no host"),
        ({"allowed_hosts": ["0.0.0.0/0"], "secret": "sixteen characters"}, "nearly everything"),
        ({"secret": "short"}, "at least 16"),
    ],
)
def test_webhooks_that_are_not_safe_stop_the_start(webhooks: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_settings(None, {"webhooks": webhooks})


def test_the_share_or_the_burst_of_repeats_may_be_set_alone(configure: Configure) -> None:
    configure("[retries]\nshare = 0.1\n[hedges]\nburst = 0\n")
    settings, usual = load_settings(None, {}), Settings.model_construct()
    assert (settings.retries.share, settings.retries.burst) == (0.1, usual.retries.burst)
    assert (settings.hedges.share, settings.hedges.burst) == (usual.hedges.share, 0.0)
    assert usual.retries.burst != usual.hedges.burst


def test_a_pool_is_made_with_the_same_rules_as_the_settings_have() -> None:
    assert Settings.model_construct().health.rules() == HealthRules()


@pytest.mark.parametrize(
    "keys",
    [
        {"worker_api_key": "hidden\n"},
        {"worker_api_key": "hid\x00den"},
        {"worker_api_key": " hidden"},
        {"worker_api_key": "hid\udc80den"},
        {"api_keys": ["good", "hidden\r\nX-Other: 1"]},
        {"admin_keys": ["hidden\t"]},
    ],
)
def test_a_key_that_no_header_can_hold_is_refused_and_not_repeated(keys: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="write the key alone") as caught:
        load_settings(None, keys)
    assert next(iter(keys)) in str(caught.value)
    assert "hid" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        'workers = ["http://a:1", "http://b:1", "http://a:1"]\n',
        'workers = ["http://A:1/v1/", {url = "http://a:1", name = "other"}]\n',
    ],
)
def test_a_worker_that_is_listed_twice_is_named(configure: Configure, text: str) -> None:
    configure(text)
    with pytest.raises(ConfigurationError, match="http://a:1 is listed twice"):
        load_settings(None, {})


def test_a_longest_ejection_that_is_shorter_than_the_first_is_refused(configure: Configure) -> None:
    configure("[health]\nbackoff_s = 400\n")
    with pytest.raises(ConfigurationError, match=r"max_backoff_s = 300, .* backoff_s = 400: raise max_backoff_s"):
        load_settings(None, {})
