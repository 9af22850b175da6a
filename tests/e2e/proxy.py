"""A proxy between readers and the daemon: it keeps the readers' addresses, and notes who asked with what and was answered what."""

import collections
import contextlib
import http.client
import http.server
import threading
import typing
import urllib.parse

CONDITIONS, VALIDATORS = ("If-None-Match", "If-Modified-Since"), ("ETag", "Last-Modified")


class Asked(typing.NamedTuple):
    """A request of a reader, and what it was answered."""

    conditions: dict
    status: int
    validators: dict


def named(headers, names):
    """The headers of these names that are there."""
    return {name: headers[name] for name in names if name in headers}


class Forward(http.server.BaseHTTPRequestHandler):
    """Hands a request on to the daemon as it is, and the answer back."""

    protocol_version = "HTTP/1.1"
    HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}

    def do_GET(self):
        route = "/" + self.path.split("/", 2)[2]
        daemon = urllib.parse.urlsplit(self.server.daemon.url)
        with contextlib.closing(http.client.HTTPConnection(daemon.hostname, daemon.port, timeout=10)) as connection:
            connection.putrequest("GET", route, skip_host=True, skip_accept_encoding=True)
            for name, value in self.end_to_end(self.headers):
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            body = response.read()
        asked = Asked(named(self.headers, CONDITIONS), response.status, named(response.headers, VALIDATORS))
        self.server.asked[self.path].append(asked)
        self.send_response_only(response.status, response.reason)
        for name, value in [*self.end_to_end(response.headers), ("Connection", "close")]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def end_to_end(self, headers):
        return [(name, value) for name, value in headers.items() if name.lower() not in self.HOP_BY_HOP]

    def log_message(self, *_):
        """Nothing: what was asked is noted by path."""


class Proxy(http.server.ThreadingHTTPServer):
    """A reverse proxy: readers keep one address, wherever the daemon listens. The first part of a path is the reader's name."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Forward)
        self.daemon, self.asked = None, collections.defaultdict(list)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def address(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"
