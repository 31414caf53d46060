"""Fixtures: a cluster for the whole run, a database and a gateway for each file, a user for each test.

A file says how its gateway is set up with a dict SETTINGS (environment names) and DEV = True for the dev mode, and that
it holds over each of several transports with TRANSPORTS.
"""

import os
import signal
import uuid

import pytest

from kit.database import Cluster, Database
from kit.gateway import BINARY, Gateway


def pytest_configure(config):
    # An end that is asked for runs the fixtures' endings too: what they have started must not be left.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if not BINARY.is_file():
        raise pytest.UsageError(f"no gateway to test at {BINARY}: run deploy/test, or swift build -c release")


@pytest.fixture(scope="session")
def admin_url():
    """A superuser's URL of the cluster that most tests share: the one deploy/test has started, or one of our own."""
    if url := os.environ.get("PARLEY_TEST_ADMIN_URL"):
        yield url
        return
    cluster = Cluster()
    try:
        yield cluster.admin_url
    finally:
        cluster.remove()


@pytest.fixture(scope="module")
def cluster():
    """A cluster of the module's own, to which it may do what it likes."""
    cluster = Cluster()
    try:
        yield cluster
    finally:
        cluster.remove()


@pytest.fixture(scope="module")
def database(admin_url):
    database = Database(admin_url)
    try:
        yield database
    finally:
        database.remove()


@pytest.fixture(scope="module")
def gateway(request, database):
    module = request.module
    # The same tests against a cluster (deploy/test --cluster).
    kind = Gateway
    if os.environ.get("PARLEY_TEST_CLUSTER"):
        from kit.cluster import BalancedGateway as kind
    gateway = kind(database, name=module.__name__, dev=getattr(module, "DEV", False),
                      **getattr(module, "SETTINGS", {}))
    try:
        yield gateway
    finally:
        gateway.remove()


@pytest.fixture
def user():
    """A user that no other test has."""
    return f"user-{uuid.uuid4().hex[:12]}"


def pytest_generate_tests(metafunc):
    transports = getattr(metafunc.module, "TRANSPORTS", None)
    if transports and "transport" in metafunc.fixturenames:
        metafunc.parametrize("transport", transports, indirect=True)


@pytest.fixture
def transport(request):
    """What carries the sockets of a test: a module with TRANSPORTS is tried over each."""
    return getattr(request, "param", "socket")


@pytest.fixture
def connect(gateway, user, transport):
    """`connect()` opens a socket of the test's user; it is closed after the test."""
    sockets = []

    def connect(name=None, **options):
        sockets.append(gateway.connect(name or user, **{"transport": transport, **options}))
        return sockets[-1]

    yield connect
    for socket in sockets:
        socket.close()


@pytest.fixture
def chat(connect):
    return connect()
