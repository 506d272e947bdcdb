"""A chat as the documentation of Python's `websockets` shows it ("Broadcasting")."""
import asyncio

from websockets.asyncio.server import broadcast, serve

clients = set()


async def handler(socket):
    clients.add(socket)
    try:
        async for message in socket:
            broadcast(clients, message)
    finally:
        clients.remove(socket)


async def main():
    async with serve(handler, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"http://127.0.0.1:{port}/", flush=True)
        await server.serve_forever()


asyncio.run(main())
