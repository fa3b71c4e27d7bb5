"""A Mandrill that takes 100 ms for each mail, accepts all, and counts connections.

`python -m bench.slow_mandrill PORT`

What a worker does while it waits is what is measured, so this does as little as possible itself.
"""

import asyncio
import json
import sys
from uuid import uuid4

from sandbox.ports import LOOPBACK

TAKES_S = 0.1


class Mandrill:
    """The counts, and what answers."""

    def __init__(self) -> None:
        """Nothing came yet."""
        self.mails = self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive until the client closes it."""
        has_mail = False
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
                body = await reader.readexactly(int(length or 0))
                if head.startswith(b"GET"):
                    answer: object = {"mails": self.mails, "connections": self.connections}
                else:
                    self.connections += not has_mail
                    has_mail = True
                    await asyncio.sleep(TAKES_S)
                    recipients = json.loads(body)["message"]["to"]
                    self.mails += 1
                    answer = [
                        {"email": each["email"], "status": "sent", "_id": uuid4().hex} for each in recipients
                    ]
                content = json.dumps(answer).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                    % (len(content), content)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def main(port: int) -> None:
    """Serve until ended."""
    server = await asyncio.start_server(Mandrill().serve, LOOPBACK, port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
