"""The monitor: an interactive session over the serial line, and scripts.

The output of a command is compared with an independent source if possible:
the flash file after power-off, QEMU's report of the end, the next kernel.
"""

import re

import pytest

from harness import chain, flash, media, paths
from harness.events import wanted
from harness.rsp import symbol

DOCUMENT = paths.ROOT / "docs" / "monitor.md"
GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
TIME = r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9}, zone \d+"

# The output of each command in generation 1 of efi=fixed. Commands that end the
# session have separate tests.
ANSWERS = {
    "bundle ls": r" \d+  baton  \(a kernel\)",
    "efi call GetNextHighMonotonicCount": r"^0x[1-9a-f]",
    "efi call GetTime": f"^{TIME}",
    "efi call GetVariable BatonGeneration": r"  0000  02 00 00 00 +\.{4}$",
    "efi call GetWakeupTime": f"^off, {TIME}",
    "efi call QueryVariableInfo": r"\d+ of \d+ bytes are free",
    "efi regions": r"RuntimeServicesCode +0x\w+ +0xfffffffe\w+",
    "efi tables": r"GetVariable +0xfffffffe\w+\n",
    "efi time": f"^{TIME}.*\\n1 tick.* 50 ppm",
    "efi touch": r"efi: pages of GetTime: x executed",
    "efi vars": rf"{GUID} NV BS RT     4  BatonGeneration\n",
    "efi vars write Hello \"'x ~\"": "^$",
    "efi vars read Hello": r"4 bytes\n  0000  27 78 20 7e +'x ~$",
    "efi vars delete Hello": "^$",
    "efi vectors": r"KTAP version 1\n1\.\.189\n(.*\n)*# 186 as expected",
    "frames": r"\d+ frames of 4 KiB are free",
    "help": r"help \[COMMAND\.\.\.\] +this list",
    "help efi vars": r"^  efi vars  .*\n  efi vars delete NAME \[GUID\]",
    "lineage": r"generation 0  .*SetVirtualAddressMap called\n.*generation 1",
    "log": r"\| @boot gen=0 .*\n(.*\n)*\| @end gen=1 verdict=pass",
    "map": r"0xf{16} \+-+\+\n(.*\n)*.*kernel image.*\n.*r-- .*\n.*rw- .*\n.*r-x ",
    "map firmware": r"VA = PA.*\n(.* KiB.*\n)*.*r-x ",
    "memory": r" runtime\n.* usable\n",
    "mode": r"\* fixed .* option 2 of 2013",
    "options": r"  end +what the last generation does \(monitor shutdown exit\)",
    "pt 0xffffffff80000000": r"executable.*\n.*kernel image\n.*multiboot2",
    "pt firmware 0x1f5f0000": r"RuntimeServicesCode at 0x1f5\w+, \d+ pages",
    "selftest": r"^KTAP version 1\n1\.\.(\d+)\n(ok .*\n)+ok \1 \w+$",
}
ENDINGS = {"crash", "kexec", "poweroff", "reboot"}


def usages(text: str) -> dict[str, str]:
    """Command with its arguments -> its text in the output of `help`."""
    return dict(re.findall(r"^ +(\S.*?) {2,}(\S.*)$", text, re.M))


def commands(run) -> list[tuple[str, str]]:
    """Every command of a run, and its status."""
    return [(e["line"], e["status"]) for e in run.all("monitor.command")]


def test_every_command_is_documented_and_tried(boot):
    with boot("efi=off generations=1") as machine:
        answer = machine.ask("help")
    listed = re.search(r"> help\n((?: {6}.*\n)+)", DOCUMENT.read_text())
    rows = usages(answer.text)
    assert rows == usages(listed[1])
    assert len(answer.lines) == len(rows)
    for usage in rows:
        name = re.match(r"(\w+)( [a-z]\w*)*( [A-Z]\w+[a-z]\w*)?", usage)[0]
        assert name in ENDINGS or any(
            f"{line} ".startswith(f"{name} ") for line in ANSWERS), name


def test_every_command_answers(boot):
    with boot("efi=fixed generations=2 efi.touch=on") as machine:
        for line, expected in ANSWERS.items():
            answer = machine.ask(line)
            assert answer.status == "ok", answer
            assert re.search(expected, answer.text), answer.text


def window(drawing: str, name: str = "firmware window") -> int:
    """KiB that are mapped in an area of the drawing."""
    area = drawing.partition(name)[2].partition("+--")[0]
    return sum(int(size) for size in re.findall(r" (\d+) KiB", area))


def test_memory_is_what_it_is_elsewhere(boot):
    """Frames, image and the firmware agree with the events of the boot."""
    with boot("efi=fixed generations=2") as machine:
        free = machine.wait_for("mm", at="end").number("free")
        base = machine.run.one("boot", gen=1)["base"]
        assert f"\n{free} frames" in machine.ask("frames").text
        assert re.search(rf"0x0+{base[2:]} - \w+ +\d+ KiB  in-use",
                         machine.ask("memory").text)
        walk = machine.ask("pt 0xffffffff80001234").text
        assert f"physically {int(base, 0) + 0x1234:#x}: in-use" in walk
        for region in chain.Chain(machine.run).regions(1):
            walk = machine.ask(f"pt {region.va:#x}").text
            assert f"physically {region.pa:#x}: " in walk
            assert f"firmware's {region.type} at {region.pa:#x}" in walk
            walk = machine.ask(f"pt firmware {region.pa}").text
            assert f"physically {region.pa:#x}: " in walk
            last = machine.ask(f"pt {region.va + region.pages * 4096 - 1:#x}")
            assert f"firmware's {region.type} at {region.pa:#x}" in last.text


def words_of(size: int) -> str:
    """In the largest unit that leaves four digits."""
    size, unit = size >> 10, 0
    while size > 9999:
        size, unit = size >> 10, unit + 1
    return f"{size} {('KiB', 'MiB', 'GiB', 'TiB')[unit]}"


def test_sizes_are_in_a_readable_unit(boot):
    with boot("efi=off generations=1") as machine:
        rows = [re.match(r"  (0x\w+) - (0x\w+) +(\d+ .iB)", line)
                for command in ("memory", "frames")
                for line in machine.ask(command).lines]
    sizes = [(int(row[2], 0) - int(row[1], 0), row[3]) for row in rows if row]
    assert {shown[-3:] for _, shown in sizes} >= {"KiB", "MiB"}
    assert [shown for _, shown in sizes] == [words_of(size)
                                             for size, _ in sizes]


def test_unmapped_addresses(boot):
    nothing = {
        "pt 0": "PML4[  0] = 0000000000000000  not present",
        "pt 0x800000000000": "0x800000000000 is not canonical",
        "pt 0xffffff0000000000": "area: nothing",
        "pt 18446744073709551616": "is neither a number",
        "pt firmware 1": "has no table",
        "map firmware": "has no table",
    }
    with boot("efi=off generations=1") as machine:
        for line, expected in nothing.items():
            answer = machine.ask(line).text
            assert expected in answer and "kernel's code" not in answer
        for name, is_code in (("text_start", True), ("text_end", False)):
            walk = machine.ask(f"pt {symbol(paths.SYMBOLS, name):#x}").text
            assert ("in the kernel's code: " in walk) == is_code
        guard_va = first_stack_guard(machine)
        for va, is_guard in ((guard_va, True), (guard_va + 0xfff, True),
                             (guard_va + 0x1000, False)):
            walk = machine.ask(f"pt {va:#x}").text
            assert ("guard page below a stack" in walk) == is_guard
            assert ("not present" in walk) == is_guard


def first_stack_guard(machine) -> int:
    """Below the four pages whose end is the first entry of the TSS."""
    offset = (symbol(paths.SYMBOLS, "tss") + 36
              - symbol(paths.SYMBOLS, "text_start"))
    base = machine.run.one("boot", gen=0).number("base")
    top_va = int.from_bytes(machine.memory(base + offset, 8), "little")
    return top_va - 5 * 4096


def test_the_firmware_as_the_log_has_it(boot):
    with boot("efi=table generations=1") as machine:
        machine.wait_for("end")
        regions = chain.Chain(machine.run).regions(0)
        code = [r for r in regions if r.type == "RuntimeServicesCode"]
        table = machine.ask("efi regions").lines
        assert [line.split()[:4] for line in table] == [
            [r.type, f"{r.pa:#x}", f"{r.va:#x}", str(r.pages)]
            for r in regions]
        mapped = window(machine.ask("map").text)
        lower = window(machine.ask("map firmware").text, "for VA = PA")
        entries = re.findall(r"^    (\w+) +(0x\w+)$",
                             machine.ask("efi tables").text, re.M)
    size = sum(region.pages for region in regions) * 4
    assert mapped == size
    assert 16 * 4 < lower - size < 256  # its stack, and its arguments
    assert len(entries) == 14
    for name, entry in entries:
        physical = name in ("SetVirtualAddressMap", "ConvertPointer")
        starts = [r.pa if physical else r.va for r in code]
        assert physical or any(start <= int(entry, 0) < start + (1 << 20)
                               for start in starts), name


def test_variables_end_up_in_the_flash(boot):
    with boot("efi=physical generations=1") as machine:
        machine.wait_for("end")
        for line in ("write Kept 'first", 'write Kept "a b"', "write Gone x",
                     "delete Gone"):
            assert machine.ask(f"efi vars {line}").status == "ok"
        machine.type("poweroff\r")
        run = machine.finish()
    kept = flash.value(run.flash, "Kept", flash.BATON)
    assert (kept.data, kept.attributes) == (b"a b", 7)
    assert flash.value(run.flash, "Gone", flash.BATON) is None
    assert any(r.name == "Gone" for r in flash.records(run.flash))


def test_invalid_variables(boot):
    wrong = {
        "efi vars read Nobody": ("not-found", "no variable Nobody; see"),
        "efi vars read Timeout": ("not-found", "but this one has: 8be4df61-"),
        "efi vars read Timeout 8be4": ("ok", "Timeout of 8be4df61-93ca-"),
        "efi vars read Timeout 7": ("not-found", "vendor 7 has no variable"),
        "efi vars delete Nobody": ("not-found", "no variable Nobody"),
        "efi vars delete PlatformLangCodes 8be": ("failed", "EFI_WRITE_PROTECTED"),
        "efi vars write OnlyName": ("invalid", "usage: efi vars write NAME"),
        'efi vars write "" x': ("failed", "EFI_INVALID_PARAMETER"),
        "efi vars what": ("invalid", "usage: efi vars | efi vars delete NAME "
                          "[GUID] | efi vars read NAME [GUID] | efi vars write "
                          "NAME TEXT"),
        "efi call QueryVariableInfo 1": ("failed", "EFI_INVALID_PARAMETER"),
        "efi call QueryVariableInfo x": ("invalid", "x is not a number"),
        "efi call": ("invalid", "`efi call` needs one of: GetNextHigh"),
        "efi call What": ("invalid", "GetWakeupTime, QueryVariableInfo"),
    }
    with boot("efi=fixed generations=1") as machine:
        for line, (status, words) in wrong.items():
            answer = machine.ask(line)
            assert words in answer.text
            assert answer.status == status


def test_without_the_firmware(boot):
    with boot("efi=off generations=1") as machine:
        for line in ANSWERS:
            if line.startswith("efi "):
                answer = machine.ask(line)
                assert answer.status == "unsupported", answer
                assert "does not call the firmware" in answer.text
        assert "There is no mode" in machine.ask("mode").text
        assert "efi=none" in machine.ask("lineage").text


@pytest.mark.parametrize("line",
                         ["efi=identity generations=1 run=lineage end=exit",
                                  '"efi=identity generations=1 run=lineage end=exit"'])
def test_a_kexec_with_another_command_line(boot, line):
    """The next kernel uses it, and so selects another mode."""
    with boot("efi=physical generations=1") as machine:
        assert "may take any mode" in machine.ask("mode").text
        machine.type(f"kexec baton {line}\r")
        run = machine.finish()
    run.expect(wanted("efi.mode", gen=0, mode="physical", svam="never"),
               wanted("end", gen=0, verdict="pass"),
               wanted("kexec.jump", gen=0, to=1),
               wanted("efi.mode", gen=1, mode="identity", svam="called"),
               wanted("end", gen=1, verdict="pass"),
               wanted("monitor.command", gen=1, line="lineage", status="ok"))
    lineage = "\n".join(run.lines).partition("@end gen=1")[2]
    assert re.search("generation 0 .*efi=physical .* never\n"
                     ".*generation 1 .*efi=identity .* called\n", lineage)


def test_a_kexec_without_a_command_line_passes_it_on(boot):
    with boot("efi=fixed generations=1") as machine:
        machine.wait_for("end", gen=0)
        for generation in (1, 2):
            machine.type("kexec baton\r")
            machine.wait_for("end", gen=generation, verdict="pass")
        lines = machine.ask("lineage").lines
        assert len(lines) == 3 and "generation 2" in lines[2]
        machine.type("poweroff\r")
        run = machine.finish()
    assert flash.generation(run.flash) == 3


def test_a_kexec_that_is_refused(boot):
    with boot("efi=off generations=1") as machine:
        for name in ("nobody", ""):
            answer = machine.ask(f'kexec "{name}"')
            assert "no file" in answer.text and answer.status == "not-found"
        answer = machine.ask("kexec SHA256SUMS")
        assert "too few" in answer.text and answer.status == "invalid"
        assert machine.ask("kexec").status == "invalid"
        machine.ask("help")


def test_a_truncated_bundle(boot, tmp_path):
    archive = media.cpio({"one": b"1", "two": b"22"})
    bundle = tmp_path / "bundle.cpio"
    bundle.write_bytes(archive[:archive.rindex(b"two") - 20])
    with boot("efi=off generations=1", bundle=bundle) as machine:
        answer = machine.ask("bundle ls")
        assert re.search(r"^ +1  one\ncpio: ", answer.text)
        assert answer.status == "invalid"
        assert "cpio: " in machine.ask("kexec two").text


def test_wrong_input_gets_a_helpful_line(boot):
    wrong = {
        "boredom": "boredom is not a command; `help` lists them all",
        "po": "similar: poweroff",
        "help me": "me is not a command; similar: memory",
        "efi": "`efi` needs one of: call, regions, tables, time, touch, "
               "vars, vectors",
        "efi what now": "`efi` needs one of: call, regions",
        "pt": "usage: pt ADDRESS | pt firmware ADDRESS",
        "bundle": "`bundle` needs one of: ls",
        "exit": "use `poweroff`, `reboot`, or `kexec baton`",
        "quit": "use `poweroff`",
        "?": "`help` lists the commands",
        "crash": "usage: crash KIND",
        "crash boredom": "none of: null, code",
        '""': "is not a command",
        '"help me': "help me is not a command",
    }
    with boot("efi=off generations=1") as machine:
        for line, hint in wrong.items():
            answer = machine.ask(line)
            assert hint in answer.text
            assert answer.status in ("invalid", "not-found")
            assert answer.event["line"] == line.replace('"', "'")


def test_an_address_may_be_a_function(boot):
    address = symbol(paths.SYMBOLS, "kernel_main")
    with boot("efi=fixed generations=1") as machine:
        expected = machine.ask(f"pt {address + 16:#x}").text
        assert "in the kernel's code: kernel_main+0x10" in expected
        assert machine.ask("pt kernel_main+0x10").text == expected
        assert machine.ask(f"pt kernel_main+16").text == expected
        walk = machine.ask("pt kernel_main").text
        assert "in the kernel's code: kernel_main+0" in walk
        assert "kernel_main" not in machine.ask("pt firmware 0").text
        for wrong in ("kernel_mian", "kernel_main+", "kernel_main+x", "+1"):
            answer = machine.ask(f"pt {wrong}")
            assert f"{wrong} is neither a number" in answer.text
            assert answer.status == "invalid"


def test_a_narrow_terminal(boot):
    """The prompt never writes beyond the last column."""
    with boot("efi=off generations=1 columns=40") as machine:
        machine.at_prompt()
        machine.type("help " + "x" * 60 + "\x01y\r")
        machine.wait_for("monitor.command")
        log = (machine.run.home / "serial.log").read_bytes()
    editing = log.rpartition(b"Tab completes.")[2].partition(b"\n")[2]
    rows = re.split(rb"[\r\n]", editing.partition(b"is not a command")[0])
    shown = [re.sub(rb"\x1b\[[0-9]*[A-Z]", b"", row) for row in rows]
    assert max(len(row) for row in shown if row.startswith(b"g0> ")) == 39


def test_keys_of_a_terminal(boot):
    up, left, home = "\x1b[A", "\x1b[D", "\x1b[H"
    with boot("efi=off generations=1") as machine:
        typed = {
            "cr\t": "crash ",
            "crash nu\tx": "crash null x",
            "bu\t": "bundle ls ",
            "kexec S\tx": "kexec SHA256SUMS x",
        }
        for keys, line in typed.items():
            assert machine.ask(keys).event["line"] == line
        typed = {
            "xhelp" + home + "\x04": "help",
            "he\t": "help ",
            "selftestx" + left + "\x0b": "selftest",
            "boredom\x03help": "help",
            up + up: "selftest",
            "\x1b[15~help\x1b]0;x\x07": "help",
        }
        for keys, line in typed.items():
            answer = machine.ask(keys)
            assert answer.event["line"] == line
            assert answer.status == "ok"


def test_each_file_of_the_bundle_completes(boot, tmp_path):
    bundle = tmp_path / "bundle.cpio"
    bundle.write_bytes(media.cpio({"one": b"1", "two": b"22", "six": b"6"}))
    with boot("efi=off generations=1", bundle=bundle) as machine:
        for name in ("one", "two", "six"):
            answer = machine.ask(f"kexec {name[0]}\tx")
            assert answer.event["line"] == f"kexec {name} x"


def test_the_prompt_of_the_last_generation(boot):
    with boot("efi=fixed generations=2") as machine:
        answer = machine.ask("selftest")
        machine.type("poweroff\r")
        run = machine.finish()
    assert answer.event["gen"] == "1"
    assert "\nok 1 " in answer.text and "not ok" not in answer.text
    run.expect(wanted("end", gen=1, verdict="pass"),
               wanted("monitor.command", line="selftest", status="ok"))
    assert run.end.how == "guest-shutdown"


@pytest.mark.parametrize("mode", ["off", "fixed"])
def test_reboot(boot, mode):
    with boot(f"efi={mode} generations=1") as machine:
        machine.wait_for("end")
        machine.type("reboot\r")
        run = machine.finish()
    assert run.end.how == "guest-reset"


def test_a_crash_at_the_prompt(boot):
    with boot("efi=off generations=1") as machine:
        machine.wait_for("end")
        machine.type("crash divide\r")
        run = machine.finish()
    assert "divide error" in run.one("panic")["why"]
    assert run.end.code == 35


def test_commands_on_the_command_line(boot):
    line = 'efi=off generations=1 end=exit run="help; nonsense;; crash x"'
    with boot(line) as machine:
        run = machine.finish()
    assert commands(run) == [("help", "ok"), ("nonsense", "not-found"),
                             ("crash x", "invalid")]
    assert run.events.index(run.one("end")) < run.events.index(
        run.all("monitor.command")[0])
    assert run.end.code == 39


def test_a_script_in_the_bundle(boot, tmp_path):
    script = b"# a comment; help\r\n\n  help # me\n" + b"x" * 600 + b"\nselftest"
    bundle = tmp_path / "bundle.cpio"
    bundle.write_bytes(media.cpio({"run": script}))
    with boot("efi=off generations=1 end=exit run=help",
              bundle=bundle) as machine:
        run = machine.finish()
    assert commands(run) == [("help", "ok"), ("help # me", "not-found"),
                             ("selftest", "ok")]
    assert any("600 characters is too long" in line for line in run.lines)


def test_a_script_may_write_what_cannot_be_typed(boot, tmp_path):
    bundle = tmp_path / "bundle.cpio"
    bundle.write_bytes(media.cpio({"run": "efi vars write grüße x\n"
                                          "efi vars write Words grüße".encode()}))
    with boot("efi=fixed generations=1 end=shutdown",
              bundle=bundle) as machine:
        run = machine.finish()
    assert [status for _, status in commands(run)] == ["invalid", "ok"]
    assert any("0xc3 at 2: it must be ASCII" in line for line in run.lines)
    words = flash.value(run.flash, "Words", flash.BATON)
    assert words.data == "grüße".encode()
