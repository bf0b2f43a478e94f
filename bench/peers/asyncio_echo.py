"""Echo servers in asyncio: streams, as the documentation shows them, and a Protocol, as the fast ones are written

    asyncio_echo.py asyncio|uvloop streams|protocol      prints its port
"""
import asyncio
import sys

BUFFER = 16384


async def stream(reader, writer):
    while data := await reader.read(BUFFER):
        writer.write(data)
        await writer.drain()
    writer.close()


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


async def main(kind):
    if kind == "streams":
        server = await asyncio.start_server(stream, "127.0.0.1", 0)
    else:
        server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


factory = None
if sys.argv[1] == "uvloop":
    import uvloop
    factory = uvloop.new_event_loop
with asyncio.Runner(loop_factory=factory) as runner:
    runner.run(main(sys.argv[2]))
