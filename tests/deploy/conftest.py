"""nginx with our configuration in front of a real front door, each a process of its own."""

from __future__ import annotations

import datetime
import ipaddress
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from medassist.settings import ROOT
from medassist.storage.database import migrate, open_database
from tests.web.rasa_stand_in import SECRET, StandInRasa
from tests.web.served import Served, free_port

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


def require_nginx() -> str:
    if NGINX is None:
        if os.environ.get("CI") == "true":
            pytest.fail("nginx must be here under CI=true (Debian's package nginx-light)")
        pytest.skip("nginx is not on this machine (Debian's package nginx-light)")
    return NGINX


def self_made_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost and 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = (folder / "tls_certificate", folder / "tls_key")
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


@dataclass
class Proxy:
    """Our nginx, running. `url` is where people come in, `plain_url` the way without TLS."""

    url: str
    plain_url: str
    folder: Path
    trusted: ssl.SSLContext
    process: subprocess.Popen[bytes]

    def client(self, address: str = "127.0.0.1", **options: object) -> httpx.Client:
        """Somebody with an address of their own on this machine's loopback network."""
        transport = httpx.HTTPTransport(verify=self.trusted, local_address=address)
        return httpx.Client(base_url=self.url, transport=transport, timeout=15, **options)  # type: ignore[arg-type]

    def log(self) -> str:
        return (self.folder / "access.log").read_text(encoding="utf-8")


def configuration(folder: Path, front_doors: Sequence[int], ports: tuple[int, int]) -> Path:
    """Our nginx.conf as it is, with only ports and places moved to where a test may have them."""
    text = (ROOT / "deploy/nginx/nginx.conf").read_text(encoding="utf-8")
    moved = {
        " /tmp/": f" {folder}/",  # first, since the others may lead below it
        "listen 8080;": f"listen 127.0.0.1:{ports[0]};",
        "listen 8443 ssl": f"listen 127.0.0.1:{ports[1]} ssl",
        "/etc/nginx/front-door.conf": f"{folder}/front-door.conf",
        "/run/secrets/": f"{folder}/",
        "/dev/stdout": f"{folder}/access.log",
        "/dev/stderr": f"{folder}/error.log",
    }
    for old, new in moved.items():
        assert old in text, old
        text = text.replace(old, new)
    (folder / "nginx.conf").write_text(text, encoding="utf-8")
    servers = " ".join(f"server 127.0.0.1:{port};" for port in front_doors)
    (folder / "front-door.conf").write_text(
        f'upstream both {{ {servers} }}\nmap "" $front_door {{ default http://both; }}\n',
        encoding="utf-8",
    )
    self_made_certificate(folder)
    return folder / "nginx.conf"


def nginx_command(nginx: str, folder: Path, *more: str) -> list[str]:
    user = "user root;" if os.geteuid() == 0 else ""
    file = str(folder / "nginx.conf")
    return [nginx, "-p", str(folder), "-e", str(folder / "start.log"), "-c", file,
            "-g", f"daemon off; {user}", *more]  # fmt: skip


def started_nginx(folder: Path, front_doors: Sequence[int]) -> Proxy:
    nginx = require_nginx()
    ports = (free_port(), free_port())
    configuration(folder, front_doors, ports)
    process = subprocess.Popen(nginx_command(nginx, folder))
    trusted = ssl.create_default_context(cafile=str(folder / "tls_certificate"))
    proxy = Proxy(
        f"https://127.0.0.1:{ports[1]}", f"http://127.0.0.1:{ports[0]}", folder, trusted, process
    )
    wait_for(lambda: httpx.get(f"{proxy.plain_url}/nginx-health").is_success, process)
    return proxy


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def wait_for(answers: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if answers():
                return
        except httpx.HTTPError:
            pass
        assert process.poll() is None, "it ended"
        assert time.monotonic() < deadline, "it did not start in time"
        time.sleep(0.05)


@dataclass
class Site:
    """Everything behind one address: nginx, the front doors, and a stand-in for Rasa."""

    proxy: Proxy
    rasa: StandInRasa
    front_door_url: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """nginx, one front door as `medassist serve` starts it, and one that is down."""
    require_nginx()
    folder = tmp_path_factory.mktemp("site")
    port, rasa_port, dead = free_port(), free_port(), free_port()
    rasa = StandInRasa(f"http://127.0.0.1:{port}")
    rasa_server = Served(rasa.app, rasa_port)
    (folder / "secret").write_text(SECRET + "\n", encoding="utf-8")
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("MEDASSIST_")},
        "MEDASSIST_VAR": str(folder / "var"),
        "MEDASSIST_PORT": str(port),
        "MEDASSIST_RASA_URL": f"http://127.0.0.1:{rasa_port}",
        "MEDASSIST_PUBLIC_URL": "https://localhost",
        "MEDASSIST_INTERNAL_SECRET_FILE": str(folder / "secret"),
        "MEDASSIST_NEW_CONVERSATIONS": "3",
        "FORWARDED_ALLOW_IPS": "127.0.0.1",
    }
    engine = open_database(f"sqlite:///{folder / 'var' / 'medassist.db'}")
    migrate(engine)
    engine.dispose()
    rasa_server.start()
    with (folder / "front-door.log").open("wb") as log:
        front_door = subprocess.Popen(
            [sys.executable, "-m", "medassist.cli", "serve", "front-door"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    proxy = None
    try:
        wait_for(lambda: httpx.get(f"{url}/healthz").is_success, front_door)
        proxy = started_nginx(folder, [dead, port])
        yield Site(proxy, rasa, url)
    finally:
        if proxy is not None:
            stop(proxy.process)
        stop(front_door)
        rasa_server.stop()
