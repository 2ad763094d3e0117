"""Chromium where there is one: a page as it is drawn, asked questions by a script."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
)  # fmt: skip


def axe_source() -> str | None:
    """axe-core from its wheel; the file is read, the package is not run."""
    spec = find_spec("axe_playwright_python")
    if spec is None or not spec.submodule_search_locations:
        return None
    file = Path(next(iter(spec.submodule_search_locations))) / "axe.min.js"
    return file.read_text(encoding="utf-8") if file.is_file() else None


def chromium(folder: Path, *arguments: str) -> str:
    """Standard output of one headless run with a profile of its own."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *_FLAGS, f"--user-data-dir={folder / 'profile'}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    return done.stdout


def violations(page: str, folder: Path, *, theme: str, width: int) -> list[dict[str, Any]]:
    """What axe finds in the page with everything unfolded, at a width, in light or dark."""
    source = axe_source()
    assert source is not None
    run = """document.querySelectorAll('details').forEach(function (d) { d.open = true; });
    window.addEventListener('load', function () { setTimeout(function () {
      axe.run(document, {iframes: false, resultTypes: ['violations']}).then(function (found) {
        parent.postMessage(JSON.stringify({width: document.documentElement.clientWidth,
          rules: found.passes.length, found: found.violations.map(function (v) {
            return {rule: v.id, nodes: v.nodes.map(function (n) {
              return n.target + ': ' + n.failureSummary; })}; })}), '*');
      }, function (error) { parent.postMessage(JSON.stringify({error: String(error)}), '*'); });
    }, 300); });"""
    inner = [text.replace("</script", r"<\/script") for text in (source, run)]
    scripts = "".join(f"<script>{text}</script>" for text in inner)
    copy = re.sub(r"script-src [^;]*;", "script-src 'unsafe-inline';", page, count=1)
    copy = copy.replace('<html lang="en">', f'<html lang="en" data-theme="{theme}">')
    (folder / "copy.html").write_text(copy.replace("</body>", scripts + "</body>"), "utf-8")
    (folder / "frame.html").write_text(
        f"<!doctype html><iframe src='copy.html' style='width:{width}px;height:900px;border:0'>"
        "</iframe><pre id='answer'></pre><script>addEventListener('message', function (e) {"
        "document.getElementById('answer').textContent = e.data; });</script>",
        "utf-8",
    )
    dom = chromium(
        folder, f"--window-size={width + 100},1000", "--allow-file-access-from-files",
        "--virtual-time-budget=60000", "--dump-dom", f"file://{folder / 'frame.html'}",
    )  # fmt: skip
    found = re.search(r'<pre id="answer">(.+?)</pre>', dom, re.S)
    assert found, "axe gave no answer"
    answer = json.loads(unescape(found[1]))
    assert answer.get("width") == width, answer
    assert answer["rules"] > 10
    out: list[dict[str, Any]] = answer["found"]
    return out
