"""A TCP relay that shows the gateway's bytes to the test before the client gets them."""

import socket
import threading


class Relay:
    """Between one client and a gateway. `inspect(bytes)` is called with what the gateway sent, before it is passed on."""

    def __init__(self, gateway, inspect):
        self._inspect = inspect
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._target = ("127.0.0.1", gateway.port)
        self.failure = None
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def socket_url(self):
        return f"ws://127.0.0.1:{self.port}/ws"

    def _serve(self):
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        server = socket.create_connection(self._target)
        threading.Thread(target=self._pass, args=(client, server, None), daemon=True).start()
        self._pass(server, client, self._inspect)

    def _pass(self, source, sink, inspect):
        try:
            while data := source.recv(65536):
                if inspect:
                    inspect(data)
                sink.sendall(data)
        except OSError:
            pass
        except Exception as reason:  # the test looks at it
            self.failure = reason
        finally:
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self._listener.close()
