"""Who the bridge trusts, and how it shows who it is: passwords and certificates."""

import gc
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_safety import FakeSafety
from mqtt_bridging import ALL, ROBOT, STOP, bridged
from mqtt_broker import Broker, Plant, needs_mosquitto
from notes import noted

from dashboard.mqtt_config import MqttConfig, SecretError, TlsConfig, secret
from dashboard.mqtt_link import tls_context

pytestmark = pytest.mark.realtime

OPENSSL = shutil.which("openssl")
NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
PASSWD = shutil.which("mosquitto_passwd")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="no openssl to make certificates with")


def private(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture
def safety(tmp_path: Path) -> Iterator[FakeSafety]:
    with FakeSafety(tmp_path / "bus") as safety:
        yield safety


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Broker]:
    """A broker with the rights that docs/fleet.md gives."""
    if PASSWD is None:
        pytest.skip("no mosquitto_passwd: apt-get install mosquitto")
    users = tmp_path / "users"
    users.touch(0o600)
    for user in ("aloha", "plant"):
        subprocess.run([PASSWD, "-b", str(users), user, f"{user}'s own"], check=True)
    rights = private(
        tmp_path / "rights",
        "user plant\ntopic read evenhand/#\ntopic write evenhand/+/stop\n"
        "pattern write evenhand/%u/state\npattern write evenhand/%u/events\n"
        "pattern write evenhand/%u/status\npattern read evenhand/%u/stop\n"
        "pattern read evenhand/all/stop\n",
    )
    extra = f"allow_anonymous false\npassword_file {users}\nacl_file {rights}\n"
    with Broker(tmp_path, extra) as broker:
        yield broker


@needs_mosquitto
def test_with_its_password_and_the_least_rights_the_robot_is_stopped(
    tmp_path: Path, guarded: Broker, safety: FakeSafety
) -> None:
    password = private(tmp_path / "password", "aloha's own\n")
    with (
        Plant(guarded.port, "plant", "plant's own") as plant,
        bridged(tmp_path / "bus", guarded.port, user="aloha", password_file=password),
    ):
        plant.hears(f"{ROBOT}/status", lambda said: said == "online")
        for topic in (STOP, ALL):
            plant.say(topic, "")
            assert safety.next_request().who == f"mqtt {topic}"


@needs_mosquitto
@pytest.mark.usefixtures("safety")
def test_a_wrong_password_is_told_and_mended_without_a_restart(
    tmp_path: Path, guarded: Broker
) -> None:
    password = private(tmp_path / "password", "guessed\n")
    with bridged(tmp_path / "bus", guarded.port, user="aloha", password_file=password):
        noted(tmp_path / "bus", "mqtt", lambda note: "ot authorized" in note)
        password.write_text("aloha's own\n", encoding="utf-8")
        noted(tmp_path / "bus", "mqtt", lambda note: not note)


@pytest.mark.parametrize(("text", "mode"), [("secret\n", 0o644), ("secret\n", 0o640), ("", 0o600)])
def test_a_password_file_that_others_may_read_or_that_is_empty_is_refused(
    tmp_path: Path, text: str, mode: int
) -> None:
    path = private(tmp_path / "password", text)
    path.chmod(mode)
    with pytest.raises(SecretError, match=r"chmod 600|is empty"):
        secret(path)


def test_a_password_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match="nowhere"):
        secret(tmp_path / "nowhere")


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """Make an authority, a broker's and a robot's certificate, and another authority."""
    for name in ("authority", "stranger"):
        _openssl(
            tmp_path,
            f"req -x509 {NEW_KEY} -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem",
        )
    for name in ("localhost", "aloha"):
        _openssl(
            tmp_path,
            f"req {NEW_KEY} -subj /CN={name} -keyout {name}.key -out {name}.csr",
        )
        (tmp_path / "names").write_text(f"subjectAltName=DNS:{name}\n", encoding="utf-8")
        _openssl(
            tmp_path,
            f"x509 -req -in {name}.csr -CA authority.pem -CAkey authority.key -CAcreateserial "
            f"-days 2 -extfile names -out {name}.pem",
        )
    return tmp_path


def _openssl(directory: Path, arguments: str) -> None:
    subprocess.run(
        [str(OPENSSL), *arguments.split()], cwd=directory, check=True, capture_output=True
    )


@pytest.fixture
def sealed(certificates: Path) -> Iterator[Broker]:
    """A broker that takes connections from robots with a certificate of the authority only."""
    extra = (
        f"cafile {certificates}/authority.pem\ncertfile {certificates}/localhost.pem\n"
        f"keyfile {certificates}/localhost.key\nrequire_certificate true\n"
        "use_identity_as_username true\nallow_anonymous true\n"
    )
    with Broker(certificates, extra) as broker:
        yield broker


@needs_mosquitto
@needs_openssl
def test_over_tls_with_a_certificate_of_its_own_the_robot_is_stopped(
    certificates: Path, sealed: Broker, safety: FakeSafety
) -> None:
    tls = TlsConfig(
        ca=certificates / "authority.pem",
        certificate=certificates / "aloha.pem",
        key=certificates / "aloha.key",
    )
    context = ssl.create_default_context(cafile=certificates / "authority.pem")
    context.load_cert_chain(certificates / "aloha.pem", certificates / "aloha.key")
    with (
        Plant(sealed.port, tls=context) as plant,
        bridged(certificates / "bus", sealed.port, host="localhost", tls=tls),
    ):
        plant.hears(f"{ROBOT}/status", lambda said: said == "online")
        plant.say(STOP, "")
        assert safety.next_request().kind == "stop"


@needs_mosquitto
@needs_openssl
@pytest.mark.usefixtures("safety")
# The MQTT library leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("host", "ca"), [("localhost", "stranger"), ("127.0.0.1", "authority")])
def test_a_broker_that_cannot_show_who_it_is_is_not_spoken_to(
    certificates: Path, sealed: Broker, host: str, ca: str
) -> None:
    tls = TlsConfig(ca=certificates / f"{ca}.pem")
    with bridged(certificates / "bus", sealed.port, host=host, tls=tls):
        noted(certificates / "bus", "mqtt", lambda note: "certificate verify failed" in note)
    gc.collect()


@needs_openssl
def test_a_key_that_others_may_read_is_refused(certificates: Path) -> None:
    key = certificates / "aloha.key"
    key.chmod(0o644)
    tls = TlsConfig(certificate=certificates / "aloha.pem", key=key)
    with pytest.raises(SecretError, match="chmod 600"):
        tls_context(MqttConfig(host="localhost", tls=tls))
