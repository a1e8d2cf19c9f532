"""Answers with the path of each request as code for Python reads it, one reading on a line."""

import posixpath
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Reader(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        raw = self.path.split("?")[0]
        decoded = urllib.parse.unquote_to_bytes(raw)
        readings = [
            decoded,
            # A WSGI server's PATH_INFO.
            urllib.parse.unquote(raw, "iso-8859-1").encode("iso-8859-1"),
            posixpath.normpath(decoded),
            urllib.parse.unquote_to_bytes(urllib.parse.urlparse(self.path).path),
            urllib.parse.unquote_to_bytes(urllib.parse.urlsplit(self.path).path),
        ]
        body = b"\n".join(readings)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Reader)
print(server.server_address[1], flush=True)
server.serve_forever()
