"""Qdrant over TLS: a server with a certificate that is trusted is spoken to, and no other."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from octavo.engines.vectors.qdrant import QdrantVectors
from octavo.errors import Unavailable
from octavo.postgres.record import Record, open_record
from octavo.postgres.server import Server
from octavo.testing.vector_engine import MODEL
from tests.databases import migrated_database, settings_of
from tests.qdrant_server import QdrantServer, qdrant_server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of this machine, signed by nobody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "qdrant")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "qdrant.pem"
    plain = serialization.NoEncryption()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(pem, pkcs8, plain) + made.public_bytes(pem))
    return path


@pytest.fixture(scope="module")
def qdrant(certificate: Path) -> Iterator[QdrantServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with qdrant_server(tls=context) as running:
        yield running


@pytest.fixture(scope="module")
async def record(server: Server) -> AsyncIterator[Record]:
    async with migrated_database(server) as name:
        opened = await open_record(settings_of(server, name))
        yield opened
        await opened.close()


async def test_a_server_whose_certificate_is_trusted_answers(
    record: Record, qdrant: QdrantServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S0-216: TLS on."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    engine = QdrantVectors(record, MODEL, f"qdrants://{qdrant.address}")

    made = await engine.settings()

    await engine.close()
    assert made.name.startswith("octavo_")


async def test_a_bad_certificate_is_refused(record: Record, qdrant: QdrantServer) -> None:
    """S0-216: and nothing is told to whoever shows it."""
    asked = len(qdrant.calls)
    engine = QdrantVectors(record, MODEL, f"qdrants://{qdrant.address}?retries=0")

    with pytest.raises(Unavailable):
        await engine.position()

    await engine.close()
    assert len(qdrant.calls) == asked


async def test_a_server_with_tls_is_not_spoken_to_in_the_clear(record: Record, qdrant: QdrantServer) -> None:
    """S0-216: TLS off is another setting, and never a way out."""
    engine = QdrantVectors(record, MODEL, f"qdrant://{qdrant.address}?retries=0")

    with pytest.raises(Unavailable):
        await engine.position()

    await engine.close()
