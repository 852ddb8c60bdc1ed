"""A headless Chromium, driven over WebDriver by Python's own library.

Needs Debian's packages chromium, chromium-driver and a font (fonts-dejavu-core).
"""
import json
import os
import re
import shutil
import subprocess
import urllib.request

LIMIT_S = 180  # for one answer of the browser: a bound against hanging, no measure of speed
KEYS = {"left": "\ue012", "right": "\ue014", "home": "\ue011"}


class Browser:
    """One window. Use it in a `with`: its end is the browser's end."""

    def __init__(self, width, height):
        missing = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
        if missing:
            raise SystemExit(f"no {' and no '.join(missing)} here: install Debian's packages chromium and chromium-driver")
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.driver.stdout:
            started = re.search(r"started successfully on port (\d+)", line)
            if started:
                break
        else:
            raise SystemExit("chromedriver does not start")
        self.url = f"http://127.0.0.1:{started[1]}/session"
        args = ["--headless=new", "--disable-gpu", "--hide-scrollbars", f"--window-size={width},{height}"]
        args += ["--no-sandbox"] if os.geteuid() == 0 else []
        options = {"goog:chromeOptions": {"binary": shutil.which("chromium"), "args": args}, "goog:loggingPrefs": {"browser": "ALL"}}
        try:
            session = self.call("POST", "", {"capabilities": {"alwaysMatch": options}})
        except BaseException:
            self.driver.kill()
            raise
        self.url += "/" + session["sessionId"]
        self.resize(width, height)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()

    def call(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(json.load(error)["value"]["message"].splitlines()[0]) from None

    def devtools(self, command, **params):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": params})

    def resize(self, width, height):
        """The page itself is so large, whatever a window takes for its frame."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def open(self, path):
        self.call("POST", "/url", {"url": path.absolute().as_uri()})

    def script(self, script, *args):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def press(self, key):
        """A key, wherever the focus is."""
        strokes = [{"type": kind, "value": KEYS[key]} for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]})

    def click(self, selector):
        """The mouse, near the left end of the first such element."""
        point = (
            "const e = document.querySelector(arguments[0]); e.scrollIntoView({ block: 'nearest' });"
            "const { left, top, height } = e.getBoundingClientRect(); return [left + 8, top + height / 2];"
        )
        x, y = (round(at) for at in self.script(point, selector))
        strokes = [{"type": "pointerMove", "x": x, "y": y}, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self.call("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": strokes}]})

    def look(self, scheme="light", medium=""):
        """As somebody sees it who prefers light or dark; with the medium `print` as it is printed."""
        self.devtools("Emulation.setEmulatedMedia", media=medium, features=[{"name": "prefers-color-scheme", "value": scheme}])

    def console(self):
        """What the page wrote there since it was asked last: errors of scripts, things refused or not found."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def picture(self, whole=False):
        """What is seen, as a PNG in base 64; or the whole page."""
        return self.devtools("Page.captureScreenshot", captureBeyondViewport=whole)["data"]
