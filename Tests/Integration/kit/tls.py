"""TLS around servers that speak in the clear, certificates for it, and a proxy with CONNECT."""

import base64
import os
import socket
import ssl
import subprocess
import threading


class Authority:
    """A certificate authority of its own, in a folder."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = folder, name
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                      "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")

    @property
    def file(self):
        return self.folder / f"{self.name}.pem"

    def certificate(self, name, alternatives):
        """A server's context with a certificate for these names (`DNS:…`, `IP:…`)."""
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                      "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (self.folder / f"{name}.ext").write_text(f"subjectAltName = {alternatives}\n")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{self.name}.pem", "-CAkey", f"{self.name}.key",
                      "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return context

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


class _Front:
    """Takes connections, each on a thread, until it is closed."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._run, args=(client,), daemon=True).start()

    def _run(self, client):
        try:
            self.serve(client)
        except OSError:
            pass
        finally:
            client.close()

    def close(self):
        self._listener.close()


def _relay(one, other):
    """Passes bytes both ways until one side has ended."""
    def way(source, sink):
        try:
            while part := source.recv(65536):
                sink.sendall(part)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    back = threading.Thread(target=way, args=(other, one), daemon=True)
    back.start()
    way(one, other)
    back.join()


class TLSFront(_Front):
    """TLS in front of a port. `cut_after`: bytes of an answer behind which the connection ends without TLS's own end."""

    def __init__(self, context, port):
        self.context, self.target, self.cut_after = context, port, None
        self.names = []
        context.sni_callback = lambda _, name, __: self.names.append(name)
        super().__init__()

    def serve(self, client):
        secure = self.context.wrap_socket(client, server_side=True)
        with socket.create_connection(("127.0.0.1", self.target)) as server:
            if self.cut_after is None:
                _relay(secure, server)
            else:
                server.sendall(secure.recv(65536))
                sent = 0
                while sent < self.cut_after and (part := server.recv(256)):
                    secure.sendall(part)
                    sent += len(part)
                os.close(secure.detach())  # As it is: no close_notify.


class ConnectProxy(_Front):
    """A proxy that opens tunnels to one port, whatever name is asked for."""

    def __init__(self, port, credential=None, refuses=None):
        self.target, self.credential, self.refuses = port, credential, refuses
        self.asked = []
        super().__init__()

    def serve(self, client):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            part = client.recv(1)
            if not part:
                return
            head += part
        lines = head.decode().split("\r\n")
        self.asked.append(lines[0])
        wanted = self.credential and "Proxy-Authorization: Basic " + base64.b64encode(self.credential.encode()).decode()
        if self.refuses or (wanted and wanted not in lines):
            client.sendall(f"HTTP/1.1 {self.refuses or 407} No\r\nContent-Length: 2\r\n\r\nno".encode())
            return
        with socket.create_connection(("127.0.0.1", self.target)) as server:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _relay(client, server)
