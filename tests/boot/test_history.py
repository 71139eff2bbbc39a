"""The persistent log: generation 3 finds in memory exactly the bytes that were
printed on the serial line since generation 0.
"""

import re
import struct
import zlib

import pytest

from harness import paths
from harness.events import wanted
from harness.handoff import KEPT, RESERVED, Handoff
from harness.rsp import symbol

RING = struct.Struct("<4Q")  # kernel/history/log_ring.h: magic, bytes, start, end
HEAD = struct.Struct("<III")  # crc, generation, bytes
FOUR_GIB = 1 << 32


def at(debugger, name: str) -> None:
    debugger.run_to(symbol(paths.SYMBOLS, name))


def read_ring(debugger, ring_pa: int) -> list[tuple[int, str]]:
    """(generation, line) from the oldest to the newest; each CRC matches."""
    debugger.physical()
    _magic, size, start, end = RING.unpack(debugger.read(ring_pa, RING.size))
    text = debugger.read(ring_pa + RING.size, size + HEAD.size + 512)
    debugger.physical(False)

    lines = []
    while start < end:
        place = start % size
        crc, generation, length = HEAD.unpack_from(text, place)
        start += HEAD.size + length
        line = text[place + HEAD.size : place + HEAD.size + length]
        assert crc == zlib.crc32(text[place + 4 : place + HEAD.size] + line)
        lines.append((generation, line.decode().rstrip("\n")))
    assert start == end
    return lines


def until(mark: str, lines: list[str]) -> list[str]:
    """From the first event to the first line that begins so."""
    first, last = (next(i for i, line in enumerate(lines)
                        if line.startswith(start)) for start in ("@", mark))
    return [line for line in lines[first : last + 1] if line]


def until_the_end(lines: list[str]) -> list[str]:
    return until("@end", lines)


def test_the_last_kernel_has_the_log_of_all(boot):
    with boot("efi=fixed generations=4") as machine:
        log = asked(machine, "log")
        one = asked(machine, "log 1")
        missing = machine.ask("log 9")
        lineage = machine.ask("lineage").lines
        run = machine.run
    assert until_the_end(log) == until_the_end(run.lines)
    assert one == of_generation(1, log)
    assert "generation 9 is not in the log" in missing.text
    for gen in range(4):
        assert run.one("log", gen=gen)["since"] == "0"
    check_lineage(run, lineage)


def asked(machine, command: str) -> list[str]:
    """The log as the monitor shows it, without the bars."""
    lines = machine.ask(command).lines
    assert all(line.startswith("| ") for line in lines)
    return [line[2:] for line in lines]


def of_generation(gen: int, log: list[str]) -> list[str]:
    """From its @boot to its @kexec.jump."""
    first, last = (next(i for i, line in enumerate(log)
                        if line.startswith(f"@{name} gen={gen} "))
                   for name in ("boot", "kexec.jump"))
    return log[first : last + 1]


def check_lineage(run, lineage: list[str]) -> None:
    """The run times agree with the time stamps of @boot events."""
    stamps = [event.number("tsc") for event in run.all("boot")]
    assert len(lineage) == 4
    for gen, line in enumerate(lineage[:3]):
        assert line.startswith(f"  generation {gen}  kernel at ")
        assert "efi=fixed " in line
        assert line.endswith("inherited" if gen else "called")
        ran = float(re.search(r" (\d+\.\d{6}) s ", line)[1])
        # QEMU's TSC counts nanoseconds; Baton has measured that.
        assert ran == pytest.approx((stamps[gen + 1] - stamps[gen]) / 1e9,
                                    rel=0.01)


def test_a_panic_is_in_it(boot):
    with boot("efi=off crash=null end=exit", paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "stage_30_record_write")
            kept = read_ring(debugger, machine.wait_for("log").number("pa"))
            debugger.detach()
        run = machine.finish()
    last = kept[-1][1]
    assert "panic:" in last
    assert until(last, [line for _, line in kept]) == until(last, run.lines)


def test_it_stays_where_it_is_and_costs_no_memory(boot):
    """It wraps around: the oldest lines are dropped, the others unchanged."""
    with boot("efi=off generations=40") as machine:
        log = asked(machine, "log")
        run = machine.run
    rings = run.all("log")
    assert len(rings) == 40
    assert len({ring["pa"] for ring in rings}) == 1
    size, used = rings[-1].number("bytes"), rings[-1].number("used")
    assert size - 512 < used <= size
    assert rings[-1].number("since") > 0
    assert len({event["free"] for event in run.all("mm", at="jump")}) == 1
    end = log.index(str(run.one("end")))
    assert log[: end + 1] == until_the_end(run.lines)[-end - 1 :]


def damaged(boot, words: str, damage):
    """A run in which generation 1 finds the ring damaged."""
    with boot(words, paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "kernel_main")
            at(debugger, "kernel_main")
            ring_pa = machine.wait_for("log", gen=0).number("pa")
            block_pa = debugger.register("rsi")
            debugger.physical()
            damage(debugger, ring_pa, block_pa)
            debugger.detach()
        return machine.finish()


DAMAGE = {  # offset and bytes written to the ring, and the reason of the refusal
    "magic": (0, 0x1234, "0x1234"),
    "size": (8, 1 << 40, "1099511627776 bytes"),
    "start": (16, 1 << 61, "lines from 0x2000000000000000"),
    "end": (24, (1 << 64) - 1, "to 0xffffffffffffffff"),
    "line": (40, (1 << 32) - 1, "claims 4294967295 bytes"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_ring_is_refused_and_replaced(boot, what):
    offset, value, named = DAMAGE[what]
    run = damaged(boot, "efi=fixed generations=3 end=exit",
                  lambda debugger, ring_pa, _: debugger.write(
                      ring_pa + offset, struct.pack("<Q", value)))
    assert named in run.one("refused", what="log")["why"]
    old, new, same = run.all("log")
    assert old["pa"] != new["pa"] == same["pa"]
    assert (new["since"], same["since"]) == ("1", "1")
    run.one("end", gen=2, verdict="pass")


def test_other_kept_ranges_do_not_hide_it(boot):
    """Two ranges before it in the memory map: of its size, and of another."""
    foreign = (0x8000000, 0x10000), (0x8100000, 0x3000)

    def keep(debugger, _ring_pa, block_pa):
        def replace(ranges):
            """A range that is reserved above all memory costs no memory."""
            spare = [i for i, (pa, _, kind) in enumerate(ranges)
                     if kind == RESERVED and pa > FOUR_GIB // 2]
            for i, (pa, size) in zip(spare, foreign, strict=False):
                ranges[i] = pa, pa + size, KEPT
            assert len(spare) >= len(foreign)

        Handoff(debugger, block_pa).change_ranges(replace)

    run = damaged(boot, 'efi=off generations=3 end=exit run="memory"', keep)
    assert "lines from" in run.one("refused", what="log", gen=1)["why"]
    assert len({ring["pa"] for ring in run.all("log")}) == 1
    assert {ring["since"] for ring in run.all("log")} == {"0"}
    for pa, size in foreign:
        assert any(re.match(rf"  {pa:#014x} - {pa + size:#014x} .* reserved$",
                            line) for line in run.lines)


def test_it_survives_a_handoff_that_is_refused(boot):
    """Its address is in the memory map, which is used nevertheless."""
    def flip(debugger, _ring_pa, block_pa):
        debugger.flip(block_pa + 40)

    run = damaged(boot, "efi=fixed generations=2 end=exit", flip)
    run.one("refused", what="handoff")
    old, new = run.all("log")
    assert old["pa"] == new["pa"]
    assert new["since"] == "0"


def test_a_damaged_line_is_detected_when_it_is_read(boot):
    """One bit of the oldest line: the output reports it."""
    with boot("efi=off generations=2", paused=True) as machine:
        with machine.debugger() as debugger:
            at(debugger, "kernel_main")
            at(debugger, "kernel_main")
            ring_pa = machine.wait_for("log", gen=0).number("pa")
            debugger.physical()
            debugger.flip(ring_pa + RING.size + HEAD.size + 5)
            debugger.detach()
        log = asked(machine, "log")
    first = machine.run.all("boot")[0]
    assert log[0] == f"(a line of {len(str(first)) + 1} bytes that was damaged)"
    assert log[1].startswith("@space gen=0 ")


@pytest.mark.parametrize("size", [0xf800, 0x20000])
def test_an_impossible_place_is_refused(boot, size):
    def stretch(debugger, ring_pa, block_pa):
        def longer(ranges):
            at, = (i for i, row in enumerate(ranges) if row[0] == ring_pa)
            ranges[at] = ring_pa, ring_pa + size, ranges[at][2]

        Handoff(debugger, block_pa).change_ranges(longer)

    run = damaged(boot, "efi=off generations=2 end=exit", stretch)
    why = run.one("refused", gen=1, what="log")["why"]
    assert (f"{size:#x} bytes at {run.one('log', gen=0)['pa']} are not 0x10000 "
            "bytes of") in why
    run.one("end", gen=1, verdict="none")
