# SPDX-License-Identifier: GPL-2.0-only
"""Headless Chromium, driven by its debugging pipe."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

PATIENCE = 60


class BrowserError(Exception):
    """Chromium has ended, or did not do what it was asked to."""


class Browser:
    """A browser with one page. FOLDER gets its profile and its log."""

    def __init__(self, folder: Path) -> None:
        to, self.commands = os.pipe()
        self.answers, back = os.pipe()

        def pipes() -> None:
            # As they come they may be 3 or 4 themselves.
            a, b = os.dup(to), os.dup(back)
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.log = (folder / "chromium.log").open("wb")
        self.process = subprocess.Popen(
            ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-dev-shm-usage", "--disable-background-networking",
             f"--user-data-dir={folder / 'profile'}", "--remote-debugging-pipe", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            close_fds=False, preexec_fn=pipes)
        os.close(to)
        os.close(back)
        self.rest, self.count, self.session = b"", 0, ""
        self.seen: list[dict[str, Any]] = []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target,
                                flatten=True)["sessionId"]
        for name in ("Page", "Network", "DOM"):
            self.ask(f"{name}.enable")

    def receive(self) -> dict[str, Any]:
        """The next message; events are kept in seen."""
        while b"\0" not in self.rest:
            data = os.read(self.answers, 1 << 20)
            if not data:
                raise BrowserError("Chromium has gone")
            self.rest += data
        line, self.rest = self.rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(line)
        if "method" in message:
            self.seen.append(message)
        return message

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol, and return its result."""
        self.count += 1
        message: dict[str, Any] = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.commands, data):]
        while True:
            answer = self.receive()
            if answer.get("id") == self.count:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result

    def wait(self, event: str) -> None:
        while not any(m["method"] == event for m in self.seen):
            self.receive()
        self.seen = [m for m in self.seen if m["method"] != event]

    def screen(self, width: int, height: int, *, scale: int = 1, scheme: str = "light",
               media: str = "") -> None:
        """How large the screen is, and what the page is told of it. MEDIA is print to look
        at paper; printing itself needs none."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=scale, mobile=width < 500)
        self.ask("Emulation.setEmulatedMedia", media=media, features=[
            {"name": "prefers-color-scheme", "value": scheme}])

    def open(self, file: Path) -> None:
        failed = self.ask("Page.navigate", url=f"file://{file.resolve()}").get("errorText")
        if failed:
            raise BrowserError(f"{file}: {failed}")
        self.wait("Page.loadEventFired")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript, or of its promise."""
        answer = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True,
                          returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserError(str(answer["result"].get("description", answer)))
        return answer["result"].get("value")

    def picture(self, path: Path, width: int, top: int, height: int) -> None:
        data = self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip={
            "x": 0, "y": top, "width": width, "height": height, "scale": 1})["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        self.ask("Page.close")
        self.session = ""
        self.ask("Browser.close")
        self.process.wait(PATIENCE)
