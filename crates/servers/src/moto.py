"""Moto on one port, which answers one request at a time: its own threaded server loses updates.

Connections have a thread each, so that an idle one keeps nobody waiting; each request is read before it waits
for its turn.
"""

import io
import sys
import threading

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import run_simple
from werkzeug.wsgi import get_input_stream

moto = DomainDispatcherApplication(create_backend_app)
turn = threading.Lock()


class Handler(MotoRequestHandler):
    """Says nothing of each request, and sends small packets at once."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_request(self, code="-", size="-"):
        pass


def application(environ, start_response):
    body = get_input_stream(environ).read()
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    with turn:
        answer = moto(environ, start_response)
        try:
            return [b"".join(answer)]
        finally:
            if hasattr(answer, "close"):
                answer.close()


run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True, request_handler=Handler)
