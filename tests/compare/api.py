"""Serves the records API of a step, one answer at a time.

An answer is sent only when the exporter has done all that it can do without it. So the order of
requests and answers does not depend on timing, even where the exporter makes several requests at the
same time.
"""

import select
import socket
import threading
import time
import urllib.parse

from world import chance


class Request:
    """A request that waits for its answer."""

    def __init__(self, connection, text):
        self.connection, self.text = connection, text
        url = urllib.parse.urlsplit(text.split(" ")[1])
        self.path, self.query = url.path, dict(urllib.parse.parse_qsl(url.query))
        self.project = self.path.split("/")[2]


class Api:
    """The API that an exporter polls, in a thread of its own."""

    def __init__(self, is_idle):
        self.is_idle = is_idle
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.connections, self.waiting = {}, []
        self.lock, self.is_held, self.is_closed = threading.RLock(), threading.Event(), False
        self.thread = threading.Thread(target=self.run, daemon=True)

    def begin(self, step):
        """Answers as in this step from now on."""
        with self.lock:
            # Requests that are dropped before they are answered are left out: whether they were
            # sent at all depends on timing.
            self.step, self.requests = step, []
            self.hold(step.held)
        if not self.thread.is_alive():
            self.thread.start()

    def hold(self, number):
        """Answers no request of the step after so many; `None` for all."""
        with self.lock:
            self.held = number
            self.is_held.clear()

    def run(self):
        while not self.is_closed:
            with self.lock:
                if self.read(0):
                    continue
                can_answer = self.waiting and self.is_idle() and not self.read(0)
                if can_answer and not self.is_held.is_set():
                    self.answer()
                    continue
            if self.waiting:
                time.sleep(0.0002)
            else:
                self.select(0.01)

    def select(self, timeout):
        return select.select([self.listener, *self.connections], [], [], timeout)[0]

    def read(self, timeout):
        """Takes what has come. Returns whether anything had."""
        readable = self.select(timeout)
        for connection in readable:
            if connection is self.listener:
                connection = self.listener.accept()[0]
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections[connection] = b""
                continue
            try:
                received = connection.recv(1 << 16)
            except ConnectionError:
                received = b""
            if not received:
                self.drop(connection)
                continue
            head, end, rest = (self.connections[connection] + received).partition(b"\r\n\r\n")
            self.connections[connection] = rest if end else head
            if end:
                line = head.decode().split("\r\n")[0].removesuffix(" HTTP/1.1")
                self.waiting.append(Request(connection, line))
        return bool(readable)

    def drop(self, connection):
        connection.close()
        del self.connections[connection]
        self.waiting = [request for request in self.waiting if request.connection is not connection]

    def answer(self):
        """Answers one of the requests that wait; which one does not depend on their order."""
        if self.held is not None and len(self.requests) >= self.held:
            self.is_held.set()
            return
        request = min(self.waiting, key=lambda waiting: chance(self.step.now, waiting.text))
        self.waiting.remove(request)
        number = sum(earlier.project == request.project for earlier in self.requests)
        repetition = sum(earlier.text == request.text for earlier in self.requests)
        self.requests.append(request)
        moment = self.step.moments[request.project]
        status, headers, body = moment.answer(request.path, request.query, number, repetition)
        head = [f"HTTP/1.1 {status} X", f"Content-Length: {1000 if body is None else len(body)}"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*head, "", ""]).encode()
        try:
            request.connection.sendall(head + (b'{"screen_rec' if body is None else body))
        except OSError:
            body = None  # Killed meanwhile.
        if body is None:
            self.drop(request.connection)

    def close(self):
        self.is_closed = True
        if self.thread.is_alive():
            self.thread.join()
        for connection in [self.listener, *self.connections]:
            connection.close()

