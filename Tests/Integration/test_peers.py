"""Other people's WebSocket clients."""

import asyncio
import json

import pytest
import websocket
import websockets.asyncio.client


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_websockets_asyncio(gateway, user, database, compression):
    async def talk():
        async with websockets.asyncio.client.connect(
                gateway.socket_url, additional_headers={"Authorization": f"Bearer {gateway.token(user)}"},
                subprotocols=["parley.v1"], compression=compression, proxy=None) as connection:
            assert connection.subprotocol == "parley.v1"
            extensions = connection.response.headers.get("Sec-WebSocket-Extensions", "")
            assert ("permessage-deflate" in extensions) == (compression is not None)
            assert json.loads(await connection.recv())["op"] == "ready"
            content = "add buy milk" + " and bread" * 200
            await connection.send(json.dumps({"op": "send", "id": "a", "content": content}))
            ack, types = None, []
            while not types or types[-1] not in ("RUN_FINISHED", "RUN_ERROR"):
                frame = json.loads(await asyncio.wait_for(connection.recv(), 15))
                ack = frame if frame.get("op") == "ack" else ack
                types += [frame["type"]] if "type" in frame else []
            await (await connection.ping())
            await connection.close()
            assert connection.close_code == 1000
            return content, ack

    content, ack = asyncio.run(talk())
    assert database.messages(ack["threadId"])[0][2] == content


def test_websocket_client(gateway, user, database):
    connection = websocket.create_connection(
        gateway.socket_url, header=[f"Authorization: Bearer {gateway.token(user)}"], timeout=15,
        subprotocols=["parley.v1"], suppress_origin=True)
    assert connection.getsubprotocol() == "parley.v1"
    assert json.loads(connection.recv())["userId"] == user
    connection.send(json.dumps({"op": "send", "content": "hello"}))
    types = []
    while "RUN_FINISHED" not in types:
        types.append(json.loads(connection.recv()).get("type"))
    connection.ping("still there?")
    connection.send(json.dumps({"op": "ping", "id": "p"}))
    while json.loads(connection.recv()).get("op") != "pong":
        pass
    connection.close(status=1000)


def test_websocket_client_with_the_gateway_s_own_origin(gateway, user):
    """This library sends the target as Origin, as a browser on the gateway's own page does."""
    connection = websocket.create_connection(
        gateway.socket_url, header=[f"Authorization: Bearer {gateway.token(user)}"], timeout=15)
    assert json.loads(connection.recv())["op"] == "ready"
    connection.close()


def test_deflate_of_a_long_conversation(connect, database):
    chat = connect(compression="deflate")
    thread = None
    for n in range(20):
        turn = chat.turn(f"add task number {n} " + "with a long tail " * 8, thread=thread)
        thread = turn.thread
    assert len(database.messages(thread)) >= 40
