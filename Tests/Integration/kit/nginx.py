"""nginx before a gateway, on a port of its own, as people write it down."""

import os
import pathlib
import shutil
import socket
import tempfile
import time

from .processes import Process


class Nginx:
    """`lines` go into its `location /` beside `proxy_pass`; `server` beside that."""

    def __init__(self, gateway, *lines, server=()):
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        assert os.access(program, os.X_OK), "nginx is not installed"
        self._folder = tempfile.TemporaryDirectory(prefix="parley-nginx.", ignore_cleanup_errors=True)
        folder = pathlib.Path(self._folder.name)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        # Root's workers become another user's, as everywhere.
        folder.chmod(0o755)
        paths = "".join(f"{kind}_temp_path {folder}/{kind};\n"
                        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "nginx.conf").write_text(f"""
daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    {paths}
    server {{
        listen 127.0.0.1:{self.port};
        {' '.join(server)}
        location / {{ proxy_pass http://127.0.0.1:{gateway.port}; {' '.join(lines)} }}
    }}
}}
""")
        self._process = Process([program, "-c", folder / "nginx.conf", "-e", folder / "error.log"])
        deadline = time.monotonic() + 15
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, (folder / "error.log").read_text()

    def remove(self):
        self._process.end()
        self._folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()
