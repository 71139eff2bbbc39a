"""One HTML file that needs nothing else: markup, style, code, D3, data.

D3 comes as Debian packages it, a package a module. Each has a build for the
browser, which finds the modules that it needs in the global `d3`; so they are
put one behind the other, in the order of what they say they depend on.
"""

import json
from pathlib import Path

from harness import cli

SOURCES = Path(__file__).resolve().parents[1] / "page"
MODULES = Path("/usr/share/nodejs")
D3 = ("d3-selection", "d3-scale", "d3-shape", "d3-array", "d3-format")
SCRIPTS = ("words.js", "scales.js", "drawing.js", "details.js", "phases.js",
           "modes.js", "services.js", "main.js")


def with_dependencies(names: tuple[str, ...]) -> list[str]:
    """The modules, and before each those that it needs."""
    found: list[str] = []
    for name in names:
        about = MODULES / name / "package.json"
        if not about.exists():
            raise cli.Trouble(f"{about} is not there: see tools/install-deps "
                              "(purpose atlas)")
        needs = json.loads(about.read_text()).get("dependencies", {})
        for module in [*with_dependencies(tuple(needs)), name]:
            if module not in found:
                found.append(module)
    return found


def library() -> str:
    return "\n".join((MODULES / name / f"dist/{name}.min.js").read_text()
                     for name in with_dependencies(D3))


def render(document: dict) -> str:
    data = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    parts = {
        "STYLE": (SOURCES / "style.css").read_text(),
        "LIBRARY": library(),
        "DATA": data.replace("</", "<\\/"),  # no end of the script element
        "SCRIPT": "\n".join((SOURCES / name).read_text() for name in SCRIPTS),
    }
    page = (SOURCES / "index.html").read_text()
    for name, text in parts.items():
        page = page.replace(f"/*{name}*/", text, 1)
    return page
