"""The screen: its text can be read, with any loader."""

import base64
import re
import struct
import subprocess
import zlib

import pytest

from harness import browser, paths, qr
from harness.events import parse, wanted
from harness.rsp import symbol

COLUMNS = 160  # OVMF's screen is 1280 pixels wide


def as_shown(lines: list[str]) -> list[str]:
    """Lines of the log as rows of the screen."""
    return [line[at:at + COLUMNS].rstrip() for line in lines
            for at in range(0, max(len(line), 1), COLUMNS)]


def said(run) -> list[str]:
    """What the kernels show of their output: not that of firmware and GRUB, no
    line for programs but the proofs."""
    first = next(number for number, line in enumerate(run.lines)
                 if line.startswith("@boot gen=0"))
    return as_shown([text for line in run.lines[first:]
                     if (text := for_people(line)) is not None])


def for_people(line: str) -> str | None:
    event = parse(line)
    if not event:
        return line
    if event.name != "proof":
        return None
    return f"  {event['verdict']} {event['check']:10} {event['detail']}"


def without_map(rows: list[str]) -> list[str]:
    """The map of memory is only on the screen."""
    return [row for row in rows if "The firmware in memory" not in row
            and not BAR.fullmatch(row)]


BAR = re.compile(r" +(0|0x[0-9a-f]+) [.CDM]+ 0x[0-9a-f]+")
REPORT = "stage_40_qr_report"  # clears the screen


def look(boot, cmdline: str, at: str = REPORT, **options):
    """Run, and read the screen at the kernel's end."""
    with boot(cmdline, screen="none", paused=True, **options) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, at))
            rows = machine.screen()
            debugger.detach()
        run = machine.finish()
    rows = "\n".join(rows).strip("\n").split("\n")
    assert "".join(rows), "the screen is empty"
    return run, rows


def test_the_whole_log_is_on_the_screen(boot):
    """From its first line on, although the screen was not available yet."""
    run, rows = look(boot, "efi=telepathic generations=1 end=exit")
    assert "telepathic" in run.one("refused", what="cmdline")["why"]
    assert without_map(rows) == said(run)


@pytest.mark.parametrize("mode", ["fixed", "physical"])
def test_each_generation_has_the_screen(boot, mode):
    """Its last rows are the last lines of the kernel that was started
    by kexec."""
    run, rows = look(boot, f"efi={mode} generations=2 end=exit")
    run.one("end", gen=1, verdict="pass")
    assert run.all("refused") == []
    assert len(rows) > 20
    shown = without_map(rows)
    assert len(shown) < len(rows)
    assert shown == said(run)[-len(shown):]
    assert not any("gen=" in row or row.startswith("g0 ") for row in rows)


def test_a_panic_is_on_the_screen(boot):
    run, rows = look(boot, "efi=off crash=null", at="power_off_after")
    assert rows == said(run)
    assert any("backtrace" in row for row in rows)


INVALID = b"\x0f\x0b"  # ud2


@pytest.mark.parametrize("where", ["options_read", "space_init"])
@pytest.mark.parametrize("gen", [0, 1])
def test_an_early_panic_is_on_the_screen(boot, gen, where):
    """Before the kernel has a page table of its own, from GRUB and by kexec."""
    with boot("efi=fixed generations=2", screen="none",
              paused=True) as machine:
        with machine.debugger() as debugger:
            for _ in range(gen + 1):
                debugger.run_to(symbol(paths.SYMBOLS, where))
            debugger.write(symbol(paths.SYMBOLS, where), INVALID)
            debugger.run_to(symbol(paths.SYMBOLS, "power_off_after"))
            rows = machine.screen()
            debugger.detach()
        run = machine.finish()
    why = run.one("panic", gen=gen)["why"]
    assert f"{symbol(paths.SYMBOLS, where):#x}" in why
    rows = "\n".join(rows).strip("\n").split("\n")
    assert any(f"panic: {why}" in row for row in rows)
    assert rows[-1] == said(run)[-1]


def test_no_keyboard_answers(boot):
    """As on a PC with only a USB keyboard: this is reported, also on the screen."""
    with boot("efi=fixed generations=1", screen="none",
              without="keyboard") as machine:
        machine.wait_for("monitor.input", serial=1, keyboard=0)
        machine.ask("mode")
        rows = "\n".join(machine.screen())
        assert "There is no keyboard. A USB keyboard needs" in rows
        assert "type on the first serial port" in rows


@pytest.mark.parametrize("mode, last, ending, end", [
    ("fixed", "efi_reset_system", "switched off", "guest-shutdown"),
    ("off", "reboot", "reset", "guest-reset"),
])
def test_nothing_can_be_typed(boot, mode, last, ending, end):
    """This is reported, and the machine is switched off after a while."""
    with boot(f"efi={mode} generations=1", screen="none", paused=True,
              without="serial keyboard") as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, last))
            rows = "".join("".join(machine.screen()).split())
            debugger.detach()
        run = machine.finish()
    said = f"This machine will be {ending} in 120 seconds"
    assert said.replace(" ", "") in rows
    assert run.end.how == end


def test_a_keyboard_answers(boot):
    with boot("efi=off generations=1") as machine:
        machine.wait_for("monitor.input", serial=1, keyboard=1)


def test_a_framebuffer_in_memory_is_refused(boot):
    """The kernel continues without it, and does not hand it on."""
    with boot("efi=fixed generations=2 end=exit", screen="none",
              paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "screen_open"))
            lfb_base = debugger.register("rdi") + 0x18
            debugger.write(lfb_base, (0x1000000).to_bytes(4, "little"))
            debugger.detach()
        run = machine.finish()
    refusal = run.one("refused")
    assert (refusal["gen"], refusal["what"]) == ("0", "screen")
    assert "at 0x1000000 overlap memory that is " in refusal["why"]
    run.expect(wanted("kexec.jump", gen=0),
               wanted("end", gen=1, verdict="pass"))


@pytest.mark.slow
def test_a_screen_without_uefi(boot, iso):
    """SeaBIOS, and a mode of the video BIOS: the same path in the kernel."""
    run, rows = look(boot, "", iso=iso, medium="iso", firmware="none")
    run.one("end", gen=2, verdict="none")
    assert run.all("refused") == []
    assert rows[-1] == said(run)[-1]


# ---- the report at the end

def test_the_report_fits_on_the_screen(boot):
    """A verdict for each check of each generation, and where the firmware is."""
    run, rows = look(boot, "efi=fixed generations=3 end=exit",
                     at="power_off_after")
    text = "\n".join(rows)
    assert "Verdict: pass, efi=fixed" in text
    assert text.count(", UEFI ") == 1  # though each generation says it
    for proof in run.all("proof", gen=0):
        assert re.search(rf"^  {proof['check']} +pass +pass +pass\b", text,
                         re.M)
    code = next(event for event in run.all("efi.region", gen=2)
                if event["type"] == "RuntimeServicesCode")
    bars = [row.split() for row in rows if BAR.fullmatch(row)]
    first, last = int(bars[1][0], 0), int(bars[1][2], 0)
    part = -(-(last - first) // 32 // 4096) * 4096
    at = (code.number("pa") - first) // part
    assert bars[1][1][at + 1] == "C"


@pytest.mark.parametrize("fault, most", [
    ("month-13", {"verdict=fail": 3}),
    ("wild-service", {"@efi.fault ": 2}),
    ("unknown-status", {"@efi.reject ": 2}),
    ("rbx", {"@efi.violation ": 2}),
])
def test_the_first_lines_about_faults_are_in_the_report(boot, fault, most):
    run, rows = look(boot, "efi=fixed generations=3 end=exit",
                     at="power_off_after", sin=fault)
    text = "".join(rows)
    for words, count in most.items():
        logged = [line for line in run.lines if words in line]
        assert len(logged) > count
        assert text.count(words) == count
        assert all(line[:40] in text for line in logged[:count])


@pytest.mark.parametrize("fault, prove", [("", "write"), ("month-13", "write"),
                                          ("", "look"),
                                          ("month-13", "look")])
def test_the_code_is_the_log(boot, tmp_path, fault, prove):
    """A picture of the screen is read, and has the lines of the log; the page
    does not claim what was only looked at."""
    with boot(f"efi=fixed generations=3 end=exit prove={prove}", screen="none",
              paused=True, sin=fault) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "power_off_after"))
            machine.screen()
            debugger.detach()
        run = machine.finish()
    picture = run.home / "screen.ppm"
    code, = qr.read(picture)
    lines = qr.report(code).splitlines()
    logged = {line for line in run.lines}
    short = {line.partition(' detail="')[0] for line in run.lines}
    assert [line for line in lines if line not in logged | short] == []
    assert [line for line in lines if line.startswith("@proof")] == [
        line if "verdict=fail" in line else line.partition(' detail="')[0]
        for line in run.lines if line.startswith("@proof")]
    for name in "efi.region", "efi.mode", "efi.reject", "smbios", "end":
        assert [line for line in lines if line.startswith(f"@{name} ")] == [
            line for line in run.lines if line.startswith(f"@{name} ")]
    done = subprocess.run([paths.ROOT / "tools/report", "--qr", picture,
                           "--out", tmp_path], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "index.html").read_text()
    assert "EDK II" in page and "RuntimeServicesCode" in page
    assert run.one("smbios", gen=2)["date"] in page
    assert ("no time that could be put back" in page) == bool(
        fault and prove == "write")
    assert ("not all of it: variable, space, services" in page) == (
        prove == "look")


ROOM = 6 << 10  # for lines: LINES_BYTES in kernel/qr/attach.c


def test_lines_that_fill_the_code_are_all_in_it(boot):
    """And not one byte is left."""
    with boot("efi=off generations=1 end=exit", screen="none",
              paused=True) as machine:
        with machine.debugger() as debugger:
            stage, compress, put, lines, used, history = (
                symbol(paths.SYMBOLS, name) for name in (
                    "stage_40_qr_report", "zlib_compress", "log_ring_put",
                    "lines", "lines_bytes", "history"))

            def log(size: int) -> None:
                debugger.write(lines, b"@refused ".ljust(size, b"x"))
                debugger.call(put, debugger.word(history), 0, lines, size)

            debugger.run_to(stage)
            debugger.call(stage, debugger.register("rdi"))
            left = ROOM - debugger.word(used)
            for _ in range(left // 100 - 1):
                log(99)
            log(left % 100 + 99)
            debugger.run_to(compress)
            assert debugger.register("rsi") == ROOM


# The desk of a photograph: the screen at an angle, out of focus, dark, with noise
# and a reflection, as a browser draws it.
DESK = """<body style="margin:0;background:#3a352f;overflow:hidden">
<div style="position:absolute;inset:0;perspective:1600px;filter:{focus}">
<img src="data:image/png;base64,{screen}" style="position:absolute;left:10%;
top:8%;width:80%;transform:{turn}"></div>
<svg style="position:absolute;inset:0;width:100%;height:100%;opacity:.2;
mix-blend-mode:overlay"><filter id="noise"><feTurbulence baseFrequency=".8"/>
</filter><rect width="100%" height="100%" filter="url(#noise)"/></svg>
<div style="position:absolute;inset:0;background:radial-gradient(
ellipse at 70% 20%, rgba(255,255,255,.1), transparent 40%)"></div>"""
FOCUS = "blur(.6px) brightness(.8)"


def png(ppm: bytes) -> bytes:
    """The same picture, for a browser."""
    _, size, _, pixels = ppm.split(b"\n", 3)
    width, height = map(int, size.split())
    rows = b"".join(b"\0" + pixels[y * width * 3 : (y + 1) * width * 3]
                    for y in range(height))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
              (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data
        + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)


@pytest.mark.slow
def test_a_photograph_of_the_code(boot, tmp_path):
    """Straight, and at angles at which zbar finds nothing."""
    if missing := browser.missing() + qr.missing():
        pytest.skip(f"not installed: {', '.join(missing)}")
    with boot("efi=fixed generations=3", screen="none") as machine:
        machine.at_prompt()
        machine.screen()
        code, = qr.read(machine.run.home / "screen.ppm")
        screen = png((machine.run.home / "screen.ppm").read_bytes())
    (tmp_path / "code.txt").write_text(code)
    sources = [("--code", tmp_path / "code.txt")]
    with browser.browser() as desk:
        desk.view(2000, 1500)
        for name, turn, focus in [
                ("straight", "none", FOCUS), ("turned", "rotate(15deg)", FOCUS),
                ("angle", "rotateY(14deg) rotateX(6deg) rotate(3deg)", FOCUS),
                ("blurred", "rotate(2deg)", "blur(2px)")]:
            (tmp_path / "desk.html").write_text(DESK.format(
                screen=base64.b64encode(screen).decode(), turn=turn, focus=focus))
            desk.open(tmp_path / "desk.html")
            desk.picture(tmp_path / f"{name}.png")
            sources.append(("--qr", tmp_path / f"{name}.png"))
    for source in sources:
        done = subprocess.run([paths.ROOT / "tools/report", *source, "--out",
                               tmp_path / "out"], text=True, capture_output=True)
        assert done.returncode == 0, (source, done.stderr)
        assert "EDK II" in (tmp_path / "out/index.html").read_text()


@pytest.mark.slow
def test_of_a_long_chain_the_code_has_the_end(boot):
    with boot("efi=fixed generations=20", screen="none") as machine:
        machine.at_prompt()
        machine.screen()
        code, = qr.read(machine.run.home / "screen.ppm")
        run = machine.run
    lines = qr.report(code).splitlines()
    gens = [line.partition("gen=")[2].split()[0] for line in lines
            if line.startswith("@")]
    assert gens[-1] == "19" and gens == sorted(gens, key=int)
    assert len([line for line in lines if line.startswith("@proof gen=19")]) \
        == len(run.all("proof", gen=19))


def test_lines_that_the_code_is_made_of_exist():
    """A renamed event would be missing in it, silently."""
    source = (paths.ROOT / "kernel/qr/attach.c").read_text()
    names = set(re.findall(r'"@([a-z.]+)', source))
    known = (paths.ROOT / "docs/serial-log.md").read_text()
    assert len(names) > 10
    for name in names:
        assert f"| `@{name}` |" in known, name
    report = (paths.ROOT / "docs/report.md").read_text()
    assert names == set(re.findall(r"`@([a-z.]+)`", report))


def test_the_prompt_stays_beside_the_code(boot):
    with boot("efi=fixed generations=1", screen="none") as machine:
        for _ in range(3):
            machine.ask("memory")
        machine.at_prompt()
        machine.screen()
        assert len(qr.read(machine.run.home / "screen.ppm")) == 1


def test_no_code_without_one_of_ours(tmp_path):
    """A picture without a code, and no picture."""
    (tmp_path / "white.pbm").write_text("P1\n2 2\n0 0 0 0\n")
    (tmp_path / "text").write_text("no picture")
    for name, why in ("white.pbm", "no QR code"), ("text", "cannot read"):
        done = subprocess.run(
            [paths.ROOT / "tools/report", "--qr", tmp_path / name], text=True,
            capture_output=True)
        assert done.returncode == 1 and why in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
