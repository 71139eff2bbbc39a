"""Debian's Linux, as the next kernel, as the previous one, and as a reference.

It is Debian's own, unmodified, with our own init that logs its view
(tools/linux_init). This is compared with Baton's log, and with the flash file
after power-off.
"""

import re
import shutil
import struct
import subprocess

import pytest

from harness import flash, paths
from harness.events import wanted
from harness.rsp import symbol

# Linux reads every efi=, Baton the last one.
WORDS = "console=ttyS0 nowatchdog tsc=reliable efi=debug"
GENERATION = f"{flash.GENERATION}-{flash.BATON}"

slow = pytest.mark.slow
FORWARD = ["physical", pytest.param("fixed", marks=slow),
           pytest.param("identity", marks=slow),
           pytest.param("contiguous", marks=slow),
           pytest.param("offset", marks=slow),
           pytest.param("compact", marks=slow),
           pytest.param("table", marks=slow)]


@pytest.fixture
def forward(run_of):
    """Two Batons in some mode, then Linux."""

    def get(mode: str):
        return run_of(f"linux-{mode}",
                      f"{WORDS} generations=3 efi={mode} "
                      "next=baton,vmlinuz seed=5",
                      bundle=paths.LINUX_BUNDLE)

    return get


@pytest.fixture
def judged(mode, forward):
    """The run of this test's mode."""
    return forward(mode)


def modes(*names):
    """Tests of one run stay in one worker."""
    return pytest.mark.parametrize("mode", [
        pytest.param(*getattr(name, "values", [name]), marks=[
            *getattr(name, "marks", []), pytest.mark.xdist_group("linux")])
        for name in names])


def regions(run, event: str, gen: int) -> list[tuple]:
    keys = ("pa", "va", "pages", "attr")
    return sorted(tuple(e.number(key) for key in keys)
                  for e in run.all(event, gen=gen))


def variables(run) -> dict[str, bytes]:
    """The files of efivarfs: name-guid, four bytes of attributes and content."""
    return {event["name"]: bytes.fromhex(event["data"])
            for event in run.all("linux.variable")}


def log(run) -> list[str]:
    return [event["line"] for event in run.all("linux.log")]


@modes(*FORWARD)
def test_linux_comes_up_with_runtime_services(judged):
    judged.expect(wanted("kexec.load", gen=1, image="vmlinuz"),
                  wanted("kexec.jump", gen=1, to=2),
                  wanted("linux.boot", gen=2, runtime="on"),
                  wanted("linux.end", gen=2))
    assert judged.end.how == "guest-shutdown"
    assert not [line for line in log(judged) if "irmware Bug" in line]


@modes(*FORWARD)
def test_linux_has_the_firmware_where_baton_had_it(mode, judged, chain_of):
    """If Baton never called SetVirtualAddressMap, Linux did, and its rule
    is that of efi=fixed: the same map, the same addresses."""
    ours = [(r.pa, r.va, r.pages) for r in chain_of("fixed").regions(0)] \
        if mode == "physical" else \
        [row[:3] for row in regions(judged, "efi.region", gen=0)]
    assert [row[:3] for row in regions(judged, "linux.region", 2)] == ours


@modes(*FORWARD)
def test_nothing_but_runtime_regions_is_handed_over(judged):
    handed = [line for line in log(judged) if re.search(r"efi: mem\d", line)]
    assert handed and all("|RUN|" in line for line in handed)


@modes(*FORWARD)
def test_linux_reads_baton_s_variable_and_writes_it(judged):
    """Baton counted to 2; Linux reads these bytes, and increments the count."""
    assert variables(judged)[GENERATION] == bytes([7, 0, 0, 0, 2, 0, 0, 0])
    judged.one("linux.count", gen=2, found="2", wrote="3", reads="3")
    assert flash.generation(judged.flash) == 3


@modes(*FORWARD)
def test_the_same_variables_in_four_lists(judged):
    """efivarfs, efivar -l, Baton's count, and what is in the flash file."""
    files = variables(judged)
    listed = {e["name"] for e in judged.all("linux.listed")}
    assert listed == set(files)
    counted = judged.one("proof", gen=1, check="enumerate")["detail"]
    assert counted.startswith(f"{len(files)} variables")
    for name, data in files.items():
        kept = flash.value(judged.flash, name[:-37], name[-36:])
        assert (kept is not None) == bool(data[0] & 1), name  # NON_VOLATILE
        if kept and name != GENERATION:
            assert kept.data == data[4:], name


@modes(*FORWARD)
def test_the_memory_attributes_table_is_kept_for_linux(judged):
    """Linux trusts its contents, even if that memory was reused."""
    table = next(match for line in log(judged)
                 if (match := re.search(r"MEMATTR=(0x[0-9a-f]+)", line)))
    address = int(table[1], 16)
    kept = [range(int(start, 16), int(end, 16)) for start, end in re.findall(
        r"BIOS-e820: \[mem (\S+)-(\S+)\] reserved", "\n".join(judged.lines))]
    assert any(address in page for page in kept)


@pytest.mark.parametrize("mode", ["direct", "naive", "packed"])
def test_a_layout_that_linux_would_lose_is_refused(boot, mode):
    with boot(f"generations=2 efi={mode} next=vmlinuz end=exit",
              bundle=paths.LINUX_BUNDLE) as machine:
        run = machine.finish()
    region = run.all("efi.region", gen=0)[0]
    why = run.one("refused", gen=0, what="kexec")["why"]
    if mode != "naive":
        assert region["pa"] in why and region["va"] in why
    else:
        assert "mode naive hands on no virtual addresses" in why
    assert run.all("kexec.jump") == []
    run.one("end", gen=0, verdict="refused")


def test_a_table_that_linux_would_believe_is_refused(boot):
    """If the Memory Attributes Table is overwritten, by a kexec for example, its
    size may be that of all memory."""
    with boot("generations=2 efi=fixed next=vmlinuz end=exit",
              bundle=paths.LINUX_BUNDLE,
              paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "linux_can_believe"))
            head_va = debugger.register("rdi")
            table_pa = debugger.register("rsi")
            assert struct.unpack("<I", debugger.read(head_va, 4)) <= (2,)
            debugger.write(head_va + 4, struct.pack("<I", 0xFFFFFF))
            debugger.detach()
        run = machine.finish()
    why = run.one("refused", gen=0, what="kexec")["why"]
    assert f"Memory Attributes Table at {table_pa:#x} claims 0x" in why
    assert run.all("kexec.jump") == run.all("panic") == []


@slow
def test_linux_after_a_baton_that_does_not_call_the_firmware(boot):
    """It is not handed on either: Linux runs without it."""
    with boot(f"{WORDS} generations=2 efi=off next=vmlinuz",
              bundle=paths.LINUX_BUNDLE) as machine:
        run = machine.finish()
    run.one("linux.boot", gen=1, runtime="off")


def test_a_command_line_that_is_too_long_for_linux(boot):
    with boot(f"generations=2 efi=fixed next=vmlinuz end=exit x={'x' * 1980}",
              bundle=paths.LINUX_BUNDLE) as machine:
        run = machine.finish()
    why = run.one("refused", gen=0, what="kexec")["why"]
    assert "command line" in why
    run.one("end", gen=0, verdict="refused")


def initrd_of(boot, other, max_pa: int) -> tuple[int, int]:
    """The address and size that an image is told whose initrd has to end there."""
    with boot("generations=2 efi=off next=other", bundle=other,
              paused=True) as machine:
        with machine.debugger() as debugger:
            debugger.run_to(symbol(paths.SYMBOLS, "linux_initrd_max"))
            debugger.leave(max_pa)
            debugger.run_to(symbol(paths.SYMBOLS, "kexec_last_instruction"))
            params = debugger.read_physical(debugger.register("rsi"), 4096)
        machine.wait_for("kexec.jump")
        reported = any("takes an initrd up to" in x for x in machine.run.lines)
    (low, low_size), (high, high_size) = (
        struct.unpack_from("<II", params, at) for at in (0x218, 0xC0))
    pa, size = high << 32 | low, high_size << 32 | low_size
    assert reported == (size == 0)
    return pa, size


def test_an_initrd_that_linux_cannot_reach_is_not_handed_on(boot, other):
    """The limit is the address of its last byte."""
    pa, size = initrd_of(boot, other, (1 << 64) - 1)
    assert size == other.stat().st_size
    assert initrd_of(boot, other, pa + size - 1) == (pa, size)
    assert initrd_of(boot, other, pa + size - 2) == (0, 0)


def test_what_linux_says_is_documented():
    document = (paths.ROOT / "docs" / "linux.md").read_text()
    rows = set(re.findall(r"^\| `@linux\.([a-z]+)`", document, re.M))
    script = (paths.ROOT / "tools" / "linux_init").read_text()
    assert rows == set(re.findall(r"\bevent ([a-z]+) ", script))


@slow
@pytest.mark.parametrize("mode", ["physical", "fixed", "identity",
                                  "contiguous", "offset", "compact", "table"])
@pytest.mark.usefixtures("linux_folder")
def test_the_relay(mode):
    """Five kernels in one boot, and each finds the previous one's count."""
    done = subprocess.run([paths.ROOT / "tools" / "relay", mode], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    rows = done.stdout.splitlines()[1:-1]
    assert [row.split()[1] for row in rows] == ["Baton", "Linux"] * 2 + [
        "Baton"]
    assert [row.rpartition(" -> ")[2] for row in rows] == list("12345")
    code = [re.search(r"0x[0-9a-f]+", row)[0] for row in rows]
    assert len(set(code[1:])) == 1
    assert (code[0] == code[1]) == (mode != "physical")


@slow
@pytest.mark.parametrize("way, paging, options", [
    ("file", 4, {}), ("load", 4, {}),
    ("file", 5, {"cpu": "max"}),  # Linux hands over on five levels
    ("load", 4, {"ram_mib": 6144}),  # and puts Baton above 4 GiB
    ("file", 4, {"firmware": "bios"}),  # variables in memory
    ("load", 4, {"firmware": "bios"}),
])
def test_there_and_back(boot, way, paging, options):
    """The lineage is known at the end, even through a Linux that does not know
    it."""
    with boot(f"{WORDS} generations=4 efi=table*3,inherit "
              f"next=baton,vmlinuz,baton end=exit linux={way}",
              bundle=paths.LINUX_BUNDLE, **options) as machine:
        run = machine.finish()
    base = run.one("boot", gen=3, paging=paging).number("base")
    assert (base > 4 << 30) == ("ram_mib" in options)
    run.expect(wanted("boot", gen=3, by="linux"),
               wanted("efi.mode", gen=3, mode="table", svam="inherited"),
               wanted("end", gen=3, verdict="pass"))
    assert regions(run, "efi.region", 3) == regions(run, "efi.region", 0)
    lineage = [line for line in run.lines if "boot: lineage" in line]
    assert [re.search(r"generation \d .*efi=(\w+)", line)[1]
            for line in lineage if line.startswith("g3")] == [
        "table", "table", "linux"]
    detail = run.one("proof", gen=3, check="variable")["detail"]
    assert detail.startswith("the last kernel's 3; wrote 4")


@slow
def test_without_the_preserved_handoff_the_lineage_is_empty(boot, tmp_path, linux_folder):
    """If Linux does not pass the option on, the lineage is empty."""
    other = tmp_path / "linux"
    shutil.copytree(linux_folder, other)
    init = other / "init"
    words = init.read_text()
    assert words.count("${handoff:+ handoff=$handoff}") == 1
    init.write_text(words.replace("${handoff:+ handoff=$handoff}", ""))
    bundle = tmp_path / "other.cpio"
    subprocess.run([paths.ROOT / "tools/bundle", bundle, paths.KERNEL, other],
                   check=True)
    with boot(f"{WORDS} generations=2 efi=fixed next=vmlinuz end=exit "
              "linux=load",
              bundle=bundle) as machine:
        run = machine.finish()
    run.one("boot", gen=1, by="linux")
    assert not any("boot: lineage:" in line for line in run.lines)
    run.one("efi.mode", gen=1, mode="fixed", svam="inherited")
