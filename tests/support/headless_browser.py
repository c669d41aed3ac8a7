"""Chromium without a window, by its DevTools protocol through a pair of pipes."""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run")
_TROUBLE = ("Runtime.exceptionThrown", "Network.loadingFailed")


class Page:
    """One tab: `visit` pages, `evaluate` JavaScript in them, take a `screenshot`.

    `trouble` is what went wrong since the last visit: words of the console, failed loads.
    """

    def __init__(self, inlet, outlet):
        self._inlet, self._outlet, self._buffer = inlet, outlet, b""
        self._number, self._session, self.trouble, self._events = 0, None, [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """Sends a command and returns its result; events that come first are noted."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._inlet, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def look(self, width, scheme):
        """Makes the window as wide as a phone or a desktop's, with light or dark preferred."""
        phone = width < 600
        size = {"width": width, "height": 844 if phone else 900}
        self.call("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=phone)
        preference = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=preference)

    def visit(self, url):
        """Loads a page, with all that belongs to it."""
        self.trouble, self._events = [], []
        self.call("Page.navigate", url=url)
        while "Page.loadEventFired" not in self._events:
            self._note(self._receive())

    def evaluate(self, expression):
        """The value of a JavaScript expression, waited for where it is a promise."""
        how = {"returnByValue": True, "awaitPromise": True}
        answer = self.call("Runtime.evaluate", expression=expression, **how)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def screenshot(self, path):
        """Writes the whole page as a PNG file."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _receive(self, seconds=60):
        end = time.monotonic() + seconds
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._outlet], [], [], max(end - time.monotonic(), 0))
            assert ready, f"nothing from Chromium in {seconds} s"
            piece = os.read(self._outlet, 1 << 20)
            assert piece, "Chromium has ended"
            self._buffer += piece
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event):
        method, what = event.get("method"), event.get("params", {})
        self._events.append(method)
        is_error = method == "Log.entryAdded" and what["entry"]["level"] in ("error", "warning")
        is_word = method == "Runtime.consoleAPICalled" and what["type"] in ("error", "warning")
        if method in _TROUBLE or is_error or is_word:
            self.trouble.append(what)


@contextlib.contextmanager
def chromium(profile):
    """A `Page` of a new browser, which is ended with the context."""
    to_browser, from_browser = os.pipe(), os.pipe()

    def wire():  # the browser reads from 3 and writes to 4
        ends = os.dup(to_browser[0]), os.dup(from_browser[1])
        for end, number in zip(ends, (3, 4)):
            os.dup2(end, number)

    process = subprocess.Popen(
        [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "--remote-debugging-pipe"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=wire,
        close_fds=False,
    )
    os.close(to_browser[0])
    os.close(from_browser[1])
    try:
        yield Page(to_browser[1], from_browser[0])
    finally:
        process.terminate()
        process.wait(20)
        os.close(to_browser[1])
        os.close(from_browser[0])
