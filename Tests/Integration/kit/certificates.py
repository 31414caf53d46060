"""Certificates for tests, each its own authority, made by the openssl command."""

import pathlib
import subprocess


class Certificate:
    """`chain` and `key` are PEM files in the folder."""

    def __init__(self, folder, name="localhost", names=("DNS:localhost", "IP:127.0.0.1")):
        self.chain, self.key = pathlib.Path(folder) / f"{name}.pem", pathlib.Path(folder) / f"{name}.key"
        self.make(names)

    def make(self, names):
        """Makes it anew, in the same files."""
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=parley test", "-addext", "subjectAltName=" + ",".join(names),
             "-keyout", self.key, "-out", self.chain], check=True, capture_output=True)

    def expire(self):
        """Its day was yesterday."""
        subprocess.run(["openssl", "x509", "-in", self.chain, "-signkey", self.key, "-days", "-1", "-out", self.chain],
                       check=True, capture_output=True)

    @property
    def flags(self):
        return ("--tls-certificate", self.chain, "--tls-private-key", self.key)
