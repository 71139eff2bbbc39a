"""The atlas: what is read from outside is what the machine does, and the page
shows it.

One small atlas serves all tests: a mode alone, two generations. The log, which
the atlas does not read, is one witness, QEMU's own account of the page table
(`info tlb`) another.
"""

import json
import re
import subprocess
import sys

import pytest

from harness import browser, chain, documents, paging, paths
from harness.events import clean, parse
from harness.rsp import symbol

sys.path.insert(0, str(paths.ROOT / "tools/atlas"))

from atlas import page as pages  # noqa: E402
from atlas import phases, space  # noqa: E402
from atlas.data import COLUMNS, layout  # noqa: E402
from atlas.image import Image  # noqa: E402
from atlas.journal import CHANGES, _without  # noqa: E402

pytestmark = pytest.mark.xdist_group("atlas")
MODE = "fixed"
OUT = paths.BUILD / "atlas-test"
PICTURES = OUT / "pictures"
FIRST = ["grub", "early", "own", "mapped", "moving", "svam", "wx", "call",
         "transition"]
SECOND = ["arrival", "early", "own", "mapped", "wx", "adopted", "call"]


class Atlas:
    """The document, and questions to it."""

    def __init__(self, document: dict):
        self.document = document
        self.run = document["runs"][0]
        self.phases = {phase["id"]: phase for phase in self.run["phases"]}

    def spans(self, phase: str) -> list[dict]:
        return [dict(zip(COLUMNS, row)) for row in
                self.phases[phase]["spans"]]

    def text(self, number: int) -> str:
        return self.document["texts"][number]

    def at(self, phase: str, va: int) -> dict:
        """The span that maps a virtual address."""
        return next(span for span in self.spans(phase)
                    if span["page"] <= va >> 12 < span["page"] + span["pages"])

    def log(self) -> list:
        text = (paths.RUNS / f"atlas-{self.run['mode']}/serial.log"
                ).read_bytes()
        return [event for line in text.splitlines()
                if (event := parse(clean(line)))]


@pytest.fixture(scope="module")
def atlas() -> Atlas:
    done = subprocess.run(
        [paths.ROOT / "tools/atlas/draw", "--alone", "--mode", MODE, "--out",
         OUT], cwd=paths.ROOT, text=True, capture_output=True)
    if "purpose atlas" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return Atlas(json.loads((OUT / "atlas.json").read_text()))


def test_the_kernel_has_all_that_is_read():
    """Its symbols and variables, before any machine is started."""
    image = Image(paths.SYMBOLS)
    stops = [phase.enter or phase.leave for phase in phases.PHASES]
    for name in [*stops, phases.GRUB.enter, phases.ARRIVAL.enter, phases.GATE,
                 phases.CALL, phases.END, phases.DEATH, *CHANGES]:
        assert name in phases.SERVICES or image.symbol(name)
    for name in [phases.BOOT, phases.KERNEL_TABLE, phases.FIRMWARE_TABLE,
                 phases.FIRMWARE, phases.ATTRIBUTES]:
        assert image.read(name, lambda pa, size: bytes(size), 0) is not None


# ---- the data

def test_every_phase_is_there(atlas):
    assert list(atlas.phases) == [*(f"g0-{name}" for name in FIRST),
                                  *(f"g1-{name}" for name in SECOND)]


def test_the_firmware_is_where_the_log_has_it(atlas):
    regions = [event for event in atlas.log() if event.name == "efi.region"]
    assert len(regions) >= 2 * 5
    for event in regions:
        span = atlas.at(f"g{event['gen']}-call", event.number("va"))
        assert span["page"] == event.number("va") >> 12
        assert span["frame"] == event.number("pa") >> 12
        assert event["type"] in atlas.text(span["owner"])
    bases = {event["gen"]: event.number("base") for event in atlas.log()
             if event.name == "boot"}
    for phase in atlas.run["phases"]:
        assert phase["image"][0] << 12 == bases[str(phase["gen"])]


def test_what_is_writable_and_executable(atlas):
    """During SetVirtualAddressMap, and of the image that the jump leads to."""
    bad = {id for id in atlas.phases if any(
        span["rights"] == "rwx" for span in atlas.spans(id))}
    assert bad == {"g0-grub", "g0-mapped", "g0-moving", "g0-svam",
                   "g0-transition", "g1-arrival", "g1-mapped"}
    code = next(event for event in atlas.log() if event.name == "efi.region"
                and event["type"] == "RuntimeServicesCode")
    before = atlas.at("g0-svam", code.number("va"))
    after = atlas.at("g0-wx", code.number("va"))
    assert (before["rights"], before["pages"]) == ("rwx", 256)
    assert after["change"] == "rights" and after["rights"] != "rwx"


def test_boot_services_are_mapped_for_one_call(atlas):
    moving = {row["frame"]: row for row in atlas.spans("g0-moving")
              if row["change"] == "new"}
    assert 0 in moving and len(moving) > 5
    assert all(row["page"] == frame for frame, row in moving.items())
    gone = atlas.phases["g0-wx"]["gone"]
    assert sum(pages for _, _, pages in gone) == sum(
        row["pages"] for row in moving.values())


def test_cr3_says_which_table_a_call_is_on(atlas):
    for id, table in ("g0-moving", 1), ("g0-call", 0), ("g1-call", 0):
        phase = atlas.phases[id]
        assert [one["active"] for one in phase["tables"]] == [
            n == table for n in range(2)]
        assert phase["tables"][table]["root"] == phase["cr3"]
    jump = atlas.phases["g0-transition"]["tables"]
    assert jump == atlas.phases["g1-arrival"]["tables"] and len(jump) == 1


def test_spans_are_those_of_the_tables(atlas):
    """In the second table the upper half is the first one's."""
    half = layout()["DIRECT_MAP_BASE"]
    for phase in atlas.run["phases"]:
        spans = atlas.spans(phase["id"])
        for n, table in enumerate(phase["tables"]):
            mine = [span for span in spans if span["tables"] >> n & 1]
            assert len(mine) == table["spans"]
            assert sum(span["pages"] >> 9 * (span["level"] - 1)
                       for span in mine) == table["leaves"]
        if len(phase["tables"]) == 2:
            assert all(span["tables"] == 3 for span in spans
                       if span["page"] >= half)


def test_the_line_that_mapped_a_span(atlas):
    """It has a call of the function that maps; of the first table, which no
    function maps, it stores an entry."""
    for phase in atlas.run["phases"]:
        for span in atlas.spans(phase["id"]):
            if phase["kind"] == "grub":
                continue
            assert span["mapped"], (phase["id"], span)
            for number in [*span["mapped"], *span["protected"]]:
                name, line = re.search(r"\((\S+):(\d+)\)",
                                       atlas.text(number)).groups()
                source = (paths.ROOT / name).read_text().splitlines()
                near = " ".join(source[int(line) - 2 : int(line) + 2])
                wanted = "PT_IMAGE" if name.endswith(".asm") else "page_table_"
                assert wanted in near, atlas.text(number)


def test_pages_that_services_touched(atlas):
    """The kernel's own account, which it prints with efi.touch=on."""
    log = (paths.RUNS / f"atlas-touch-{MODE}/serial.log").read_bytes()
    events = [event for line in log.splitlines()
              if (event := parse(clean(line))) and event.name == "efi.touch"]
    reported = {}
    for event in events:
        sums = reported.setdefault(event["svc"], {"x": 0, "w": 0})
        sums["x"] += event.number("executed")
        sums["w"] += event.number("written")
    assert len(reported) > 10
    for service in atlas.run["services"]:
        if service["service"] not in ("SetVirtualAddressMap", "?"):
            assert reported[service["service"]] == {
                use: sum(pages for _, pages in service[use]) for use in "xw"}


def rebuilt(span, page: int, links: dict) -> list[int]:
    """The walk to a page of a span, as the atlas's page makes it."""
    leaf = page - span.page >> 9 * (span.level - 1)
    marks = [bits for first, count, bits in span.marks
             if first <= leaf < first + count]
    above = [links[level, page >> 9 * (level - 1) << 9 * (level - 1)]
             for level in range(4, span.level, -1)]
    return [*above, (span.path[-1] & ~0x60) + (page - span.page << 12)
            | sum(marks) << 5]


def test_a_walk_agrees_with_qemus(boot):
    """QEMU prints each page of the table in use: an account of its own."""
    with boot("efi=fixed generations=1 end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "gate_enter"))
            cr3 = int(re.search(r"CR3=(\w+)", machine.human("info registers")
                                )[1], 16)
            mine = space.spans(machine.memory, cr3, 4)
            links = {row[:2]: row[2] for row in
                     space.links(machine.memory, cr3, 4)}
            for span in mine[::7]:
                for leaf in {0, span.leaves // 2, span.leaves - 1}:
                    page = span.page + (leaf << 9 * (span.level - 1))
                    assert rebuilt(span, page, links) == [
                        entry.value for entry in
                        paging.walk(machine.memory, cr3, page << 12, 4)]
            said = machine.human("info tlb")
            debugger.detach()
    rows = re.findall(r"^(\w{16}): (\w{16}) ([A-Z-]+)", said, re.M)
    theirs = {(int(va, 16) >> 12, int(pa, 16) >> 12, "W" in flags,
               "X" not in flags) for va, pa, flags in rows}
    pages = {(span.page + i, span.frame + i, span.rights[1] == "w",
              span.rights[2] == "x") for span in mine
             for i in range(0, span.pages, 1 << 9 * (span.level - 1))}
    assert pages == theirs and len(theirs) > 4000


def test_every_key_is_documented(atlas):
    text = (paths.ROOT / "docs/atlas.md").read_text()
    known = set(re.findall(r"`(\w+)`", text))
    assert {*documents.keys(atlas.document), *COLUMNS} <= known
    for phase in atlas.run["phases"]:
        assert phase["title"] in text
    for phase in phases.PHASES:
        assert not phase.leave or f"return of `{phase.leave}()`" in text


# ---- its parts, without a machine

def span(page: int, pages: int, frame: int | None = None,
         rights: str = "rw-") -> space.Span:
    frame = page if frame is None else frame
    return space.Span(page, frame, pages, 1, rights, True, (), (0,))


def test_changes():
    before = [span(0, 10), span(20, 10), span(40, 5)]
    now = [span(0, 5), span(5, 5, rights="r-x"), span(12, 2), span(20, 20),
           span(41, 2, frame=90)]
    assert space.changes(now, before) == ["", "rights", "new", "new", "moved"]
    assert space.gone(now, before) == [(40, 1), (43, 2)]
    assert space.gone(before, before) == []
    assert space.gone([], before) == [(0, 10), (20, 10), (40, 5)]


def test_pieces_without_a_piece():
    assert list(_without([(0, 10), (20, 30)], 5, 25)) == [(0, 5), (25, 30)]
    assert list(_without([(0, 10)], 0, 10)) == []
    assert list(_without([(0, 10)], 10, 20)) == [(0, 10)]


def test_leaves_become_spans():
    """Three small pages, one of them apart; a large one; rights of all
    levels."""
    present, write, large, nx = 1, 2, 128, 1 << 63
    tables = {
        0x1000: {0: 0x2000 | present | write, 511: 0x2000 | present},
        0x2000: {3: 0x3000 | present | write},
        0x3000: {0: 0x4000 | present | write,
                 1: 0x400000 | present | write | large | nx},
        0x4000: {7: 0x9000 | present | write | nx | 0x60,
                 8: 0xa000 | present | write | nx,
                 9: 0xc000 | present},
    }

    def frames(pa: int, _size: int) -> bytes:
        return space.TABLE.pack(*(tables[pa].get(i, 0) for i in range(512)))

    found = space.spans(frames, 0x1000, 4)
    first = 3 << 18
    low = [(first + 7, 9, 2, 1, "rw-", 1, 1), (first + 9, 12, 1, 1, "r-x", 0,
                                               0),
           (first + 512, 1024, 512, 2, "rw-", 0, 0)]
    high = [(row[0] + (0xffff << 36 | 511 << 27), *row[1:4],
             row[4].replace("w", "-"), *row[5:]) for row in low]
    got = [(s.page, s.frame, s.pages, s.level, s.rights, s.marked(1), s.marked(2))
           for s in found]
    assert got == low + high
    assert len(space.spans(frames, 0x1000, 4, cuts=[10])) == 8
    assert found[0].marks == ((0, 1, 3),)
    top = 0xffff << 36 | 511 << 27
    assert space.links(frames, 0x1000, 4) == [
        (2, first, 0x4003), (2, first + top, 0x4003), (3, first, 0x3003),
        (3, first + top, 0x3003), (4, 0, 0x2003), (4, top, 0x2001)]


# ---- the page

@pytest.fixture(scope="module")
def page():
    if missing := browser.missing():
        pytest.skip(f"no browser: {', '.join(missing)} (tools/install-deps "
                    "browser)")
    with browser.browser() as opened:
        yield opened


@pytest.fixture
def shown(page, atlas):
    """The atlas's page, at its first phase; no error may come."""
    page.view(1400, 950)
    page.open(OUT / "index.html")
    yield page
    assert page.errors() == []


def drawn(page) -> int:
    return page.ask("d3.sum(document.querySelectorAll('#drawing .box'), "
                    "(box) => Number(box.dataset.spans))")


def title(page) -> str:
    return page.ask("document.getElementById('title').textContent")


def test_each_phase_shows_all_of_its_spans(shown, atlas):
    for n, phase in enumerate(atlas.run["phases"]):
        if n:
            shown.press("ArrowRight")
        assert title(shown) == f"Generation {phase['gen']}: {phase['title']}"
        assert drawn(shown) == len(phase["spans"])
        alarmed = shown.ask(
            "document.querySelector('#alarm').classList.contains('bad')")
        assert alarmed == any(one["rights"] == "rwx"
                              for one in atlas.spans(phase["id"]))
        shown.picture(PICTURES / f"{phase['id']}.png")


def test_slider_and_keyboard(shown, atlas):
    names = [phase["title"] for phase in atlas.run["phases"]]
    shown.ask("(slider.value = 4, slider.dispatchEvent(new Event('input')))")
    assert names[4] in title(shown)
    for keys, index in [(["End"], -1), (["ArrowLeft"], -2), (["Home"], 0),
                        (["ArrowLeft"], 0), (["ArrowRight"] * 3, 3)]:
        shown.press(*keys)
        assert title(shown).endswith(names[index])
    shown.point("#slider")
    middle = title(shown)
    shown.press("ArrowRight")  # one step, not two: the slider has the focus
    at = [f"Generation {one['gen']}: {one['title']}"
          for one in atlas.run["phases"]]
    assert at.index(title(shown)) == at.index(middle) + 1
    shown.press("3")
    assert not shown.ask("document.getElementById('services').hidden")


def test_a_span_is_explained(shown, atlas):
    """The firmware's code: its address, descriptor, walk, and line."""
    code = next(event for event in atlas.log() if event.name == "efi.region"
                and event["type"] == "RuntimeServicesCode")
    shown.open(OUT / "index.html", f"#phase=g0-call&at={code['va']}")
    text = shown.ask("document.getElementById('details').textContent")
    for word in [code["va"], code["pa"], code["attr"], "RuntimeServicesCode",
                 "256 pages", "PML4[511]", "PT  [", "efi/space.c",
                 "Memory Attributes Table: 0x"]:
        assert word in text, text
    shown.press("ArrowDown")
    assert shown.ask("document.getElementById('details').textContent") != text
    shown.press("Escape")
    assert "Point at a span" in shown.ask(
        "document.getElementById('details').textContent")


def test_a_walk_to_any_page(shown, atlas):
    """By address or slider, across the tables that a span is in; an address in
    another span leads there."""
    id, far = next(
        (id, span) for id in atlas.phases for span in atlas.spans(id)
        if span["level"] == 1 and span["entry"]
        and span["page"] >> 9 != span["page"] + span["pages"] - 1 >> 9)
    phase, last = atlas.phases[id], far["page"] + far["pages"] - 1
    table = {tuple(row[:2]): int(row[2], 16) for row in
             phase["tables"][0 if far["tables"] & 1 else 1]["links"]}
    shown.open(OUT / "index.html", f"#phase={id}&at={last << 12:#x}")
    text = shown.ask("document.querySelector('#details pre:last-of-type')"
                     ".textContent")
    assert f"PD  [{last >> 9 & 511:3}] = {table[2, last >> 9 << 9]:016x}" in text
    frame = far["frame"] + far["pages"] - 1
    assert f"PT  [{last & 511:3}]" in text and f"at {frame << 12:#x}" in text
    shown.ask("(() => { const one = document.getElementById('leaf'); "
              "one.value = 1; one.dispatchEvent(new Event('input')); })()")
    assert shown.ask("document.getElementById('to').value") == \
        f"{far['page'] + 1 << 12:#x}"
    other = atlas.spans(id)[0]
    for value, invalid in ("0x123456789abcd", True), (
            f"{other['page'] << 12:#x}", False):
        shown.ask("(() => { const one = document.getElementById('to'); "
                  f"one.value = '{value}'; "
                  "one.dispatchEvent(new Event('change')); })()")
        assert shown.ask("document.getElementById('to')"
                         ".hasAttribute('aria-invalid')") == invalid
    assert f"at={other['page'] << 12:#x}" in shown.ask("location.hash")


def test_pointing_at_a_span(shown, atlas):
    shown.press(*["ArrowRight"] * 4)
    shown.point("#drawing .box.rwx")
    text = shown.ask("document.getElementById('details').textContent")
    assert "WRITE AND EXECUTE" in text
    assert "at=0x" in shown.ask("location.hash")


@pytest.mark.parametrize("name, width, height, media", [
    ("dark", 1400, 950, {"scheme": "dark"}),
    ("phone", 390, 844, {"touch": "yes"}),
    ("print", 800, 1100, {"print": "print"}),
])
def test_other_views(shown, name, width, height, media):
    """Nothing is wider than the window, on a phone and on paper."""
    shown.view(width, height, **media)
    for view in "phases", "modes", "services":
        shown.open(OUT / "index.html", f"#view={view}&phase=g0-moving")
        assert shown.ask("document.documentElement.scrollWidth") <= width
        shown.picture(PICTURES / f"{view}-{name}.png")


def test_services_are_lanes(shown, atlas):
    shown.press("3")
    text = shown.ask("document.getElementById('strips').textContent")
    for service in atlas.run["services"]:
        assert service["service"] in text
    wanted = sum(len(service[use]) for service in atlas.run["services"]
                 for use in "rwx")
    assert shown.ask("document.querySelectorAll('#strips g rect').length") \
        == wanted
    shown.picture(PICTURES / "services.png")


def many(count: int) -> dict:
    """A document with phases of so many spans, none like its neighbour."""
    rows = [[1, (1 << 51) + 2 * i, (i * 7919) % count, 1, 1,
             ["r--", "rw-", "r-x"][i % 3], 1, [], "", 0, [], [], ""]
            for i in range(count)]
    phase = {"kind": "own", "gen": 0, "short": "own", "says": "",
             "compare": True, "where": "", "rip": "0x0", "cr3": "0x0",
             "status": "0x0", "image": [512, 189], "gone": [], "frames": [],
             "map": 0, "tables": [{"name": "a table", "root": "0x1000",
                                   "active": True, "levels": 4,
                                   "links": [], "spans": count, "leaves": count}]}
    return {"format": 1, "columns": COLUMNS, "areas": [[0, "all"]],
            "texts": ["nobody"], "about": {"kernel": "", "mode": "", "code": "",
                                           "firmware": "", "ram_mib": 0},
            "maps": [{"memory": [[0, count, "usable"]], "descriptors": [],
                      "regions": [], "attributes": []}],
            "runs": [{"mode": "fixed", "services": [],
                      "phases": [{**phase, "id": f"p{n}", "title": f"{n}",
                                  "spans": rows[n:]} for n in range(2)]}]}


def test_a_hundred_thousand_leaves(page):
    """What is drawn is bounded by the pixels, so the slider follows at once;
    nothing is left out."""
    count = 100_000
    path = OUT / "many.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(pages.render(many(count)))
    page.view(1400, 950)
    page.open(path)
    assert drawn(page) == count
    assert page.ask("document.querySelectorAll('#drawing *').length") < 10_000
    page.press("ArrowRight")
    assert drawn(page) == count - 1
    print(page.ask("(() => { const t = performance.now(); goTo(0); "
                   "return performance.now() - t; })()"), "ms for a step")
    page.picture(PICTURES / "many.png")
    assert page.errors() == []
    path.unlink()


def test_the_page_needs_nothing_else(atlas):
    text = (OUT / "index.html").read_text()
    assert len(text.encode()) <= 3 << 20
    assert not re.search(r"<(script|link|img)[^>]* (src|href)=\"(?!data:)",
                         text)
    assert "/*DATA*/" not in text


# ---- the other modes

@pytest.mark.slow
def test_all_modes_side_by_side(page, tmp_path):
    subprocess.run([paths.ROOT / "tools/atlas/draw", "--mode", "all", "--out",
                    tmp_path], cwd=paths.ROOT, check=True)
    document = json.loads((tmp_path / "atlas.json").read_text())
    runs = {run["mode"]: run for run in document["runs"]}
    assert set(runs) == set(chain.EXPECTED)
    for mode, run in runs.items():
        names = [phase["id"] for phase in run["phases"]]
        assert ("g0-svam" in names) == (chain.EXPECTED[mode].first == "called")
        assert ("g1-call" in names) == (chain.EXPECTED[mode].later != "refused")
        call = run["phases"][names.index("g0-call")]["tables"]
        own = mode in ("physical", "identity")
        assert [table["active"] for table in call] == [not own, own]
    page.view(1400, 950)
    page.open(tmp_path / "index.html", "#view=modes&moment=g1-adopted")
    assert page.ask("document.querySelectorAll('#panels .panel svg').length"
                    ) == len(chain.EXPECTED)
    assert page.ask("new Set([...document.querySelectorAll('#panels .panel')]"
                    ".map((one) => one.offsetTop)).size") == 1  # side by side
    assert page.ask("document.querySelector('#panels .bad').textContent"
                    ).startswith("naive")
    page.picture(PICTURES / "modes.png")
    assert page.errors() == []
