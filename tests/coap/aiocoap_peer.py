"""aiocoap against a gateway: aiocoap_peer.py PORT SCENARIO. A line of JSON per answer."""
import asyncio
import json
import sys

import aiocoap
from aiocoap import CHANGED, GET, NON, POST, PUT, Message
from aiocoap.optiontypes import OpaqueOption
from aiocoap.numbers import OptionNumber

ECHO = 252
PATIENCE_S = 60


def say(response, **more):
    print(json.dumps({"code": response.code.dotted, "type": str(response.mtype),
                      "text": response.payload.decode(), **more}), flush=True)


async def ask(context, port, path, **request):
    message = Message(uri=f"coap://127.0.0.1:{port}{path}", **request)
    return await asyncio.wait_for(context.request(message).response, PATIENCE_S)


def json_body(value):
    return json.dumps(value).encode()


async def uplinks(context, port):
    """CON and NON, POST and PUT; a body of many blocks."""
    for code in (POST, PUT):
        for mtype in (aiocoap.CON, NON):
            body = json_body({"voltage": 230, "active_energy_import": 1})
            say(await ask(context, port, "/t/meter-7/json", code=code, mtype=mtype, payload=body, content_format=50))
    readings = [{"ts": 1795420800 + at, "active_energy_import": at} for at in range(200)]
    say(await ask(context, port, "/t/meter-8", code=POST, payload=json_body(readings), content_format=50))
    senml = [{"bn": "meter-9/", "bt": 1795420800, "n": "voltage", "u": "V", "v": 230.5}]
    say(await ask(context, port, "/t/meter-9", code=POST, payload=json_body(senml), content_format=110))


async def errors(context, port):
    say(await ask(context, port, "/t/meter-7/json", code=POST, payload=json_body({"voltagee": 1}), content_format=50))
    say(await ask(context, port, "/t/meter-7/json", code=GET))
    say(await ask(context, port, "/nothing", code=GET))


async def discovery(context, port):
    """aiocoap leaves Echo to its caller; with it, the response comes in blocks of 64 bytes."""
    refused = await ask(context, port, "/.well-known/core", code=GET)
    say(refused)
    echo = refused.opt.get_option(OptionNumber(ECHO))[0].value
    message = Message(code=GET, uri=f"coap://127.0.0.1:{port}/.well-known/core")
    message.opt.add_option(OpaqueOption(OptionNumber(ECHO), echo))
    message.opt.block2 = (0, False, 2)
    response = await asyncio.wait_for(context.request(message).response, PATIENCE_S)
    say(response, format=int(response.opt.content_format))


async def slow(context, port):
    """A separate response: aiocoap acknowledges it."""
    body = json_body({"active_energy_import": 1})
    response = await ask(context, port, "/t/meter-7/json", code=POST, payload=body, content_format=50)
    assert response.code == CHANGED, response
    say(response)


async def main():
    port, scenario = int(sys.argv[1]), sys.argv[2]
    context = await aiocoap.Context.create_client_context()
    await {"uplinks": uplinks, "errors": errors, "discovery": discovery, "slow": slow}[scenario](context, port)
    await context.shutdown()


asyncio.run(main())
