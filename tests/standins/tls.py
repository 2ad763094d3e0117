"""The venue's own addresses on loopback: a certificate authority of our own, and a resolver.

Unlike a rewritten address, nothing of the client is changed: names, ports, TLS and all.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEM = serialization.Encoding.PEM


class Authority:
    """A certificate authority with a folder of its own for what it makes."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"CA {folder.name}")])
        usage = x509.KeyUsage(
            **dict.fromkeys(
                [
                    *("digital_signature", "content_commitment", "key_encipherment", "crl_sign"),
                    *("data_encipherment", "key_agreement", "encipher_only", "decipher_only"),
                ],
                False,
            ),
            key_cert_sign=True,
        )
        own = self._begin(self._name, self._key).add_extension(usage, critical=True)
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self._root = own.sign(self._key, hashes.SHA256())

    def trust(self) -> ssl.SSLContext:
        """Of a client: this authority and no other."""
        return ssl.create_default_context(cadata=self._root.public_bytes(PEM).decode())

    def serve(self, hosts: Sequence[str]) -> ssl.SSLContext:
        """Of a server that has a certificate for these hosts."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        made = self._begin(x509.Name([]), key).add_extension(names, critical=True)
        made = made.add_extension(server, critical=False)
        made = made.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
            critical=False,
        )
        file = self._folder / "server.pem"
        file.write_bytes(
            key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + made.sign(self._key, hashes.SHA256()).public_bytes(PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _begin(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder(issuer_name=self._name, subject_name=subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )


class Loopback(AbstractResolver):
    """Every host is 127.0.0.1 and one port; `asked` are the hosts and ports that were wanted."""

    def __init__(self, at: str) -> None:
        self.asked: set[tuple[str, int]] = set()
        self._port = int(at.rpartition(":")[2])

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.add((host, port))
        return [
            ResolveResult(
                hostname=host,
                host="127.0.0.1",
                port=self._port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Nothing to close."""


def sessions(resolver: Loopback, trust: ssl.SSLContext) -> Callable[[], Any]:
    """Makes sessions for a listener; to be called where its event loop runs."""
    return lambda: aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=resolver, ssl=trust)
    )
