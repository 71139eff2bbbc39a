"""Page tables of four and of five levels, handed from one to the other.

Anvin's requirement of 2013: the firmware's addresses must also be valid for a
kernel with another number of levels. So generations change it, and all proofs
run on both.
"""


import pytest

from harness import media, paths
from harness.chain import CHECKS, EXPECTED, PROVING, expected_proof

LA57 = "max"  # QEMU's only processor with five levels
XLOADFLAGS, XLF_5LEVEL = 0x236, 1 << 5  # boot.rst
FOUND = {"off": 4, "on": 5}
LONG, SHORT = "off,on,off", "on,off"
EVERY_DAY = [("physical", LONG), ("fixed", LONG), ("direct", SHORT)]


def chain(boot, mode: str, la57: str):
    generations = la57.count(",") + 1
    with boot(f"efi={mode} generations={generations} la57={la57} selftest=on "
              f"end={EXPECTED[mode].last}", cpu=LA57) as machine:
        run = machine.finish()
    assert run.all("panic") == run.all("proof", verdict="fail") == []
    assert not [line for line in run.lines if line.startswith("not ok")]
    levels = [FOUND[word] for word in la57.split(",")]
    used = [event.number("paging") for event in run.all("space")]
    arrived = [event.number("paging") for event in run.all("boot")]
    assert used == levels
    assert arrived == [4] + levels[:-1]  # OVMF has four
    return run


@pytest.mark.parametrize("mode, la57", [
    pytest.param(mode, la57, marks=() if (mode, la57) in EVERY_DAY
                 else pytest.mark.slow)
    for mode in PROVING for la57 in (LONG, SHORT)
])
def test_every_proof_on_both(boot, mode, la57):
    run = chain(boot, mode, la57)
    assert run.end == EXPECTED[mode].end
    for gen, _word in enumerate(la57.split(",")):
        for check in CHECKS:
            proof = run.one("proof", gen=gen, check=check)
            assert proof["verdict"] == expected_proof(mode, gen, check)
    first, *others = [
        [(e["pa"], e["va"]) for e in run.all("efi.region", gen=gen)]
        for gen, _word in enumerate(la57.split(","))]
    assert first and all(regions == first for regions in others)


def test_naive_is_refused_on_both(boot):
    run = chain(boot, "naive", SHORT)
    run.one("refused", gen=1, what="efi")


def test_levels_are_left_as_they_were_found(boot):
    with boot("generations=3 la57=on,auto end=exit", cpu=LA57) as machine:
        run = machine.finish()
    assert [e["paging"] for e in run.all("boot")] == ["4", "5", "5"]
    assert [e["paging"] for e in run.all("space")] == ["5", "5", "5"]
    run.one("end", gen=2, verdict="pass")


def test_no_memory_is_lost_by_a_change(boot):
    run = chain(boot, "fixed", "on,off,on,off")
    free = [e["free"] for e in run.all("mm", at="ready")]
    assert free[1] == free[3], f"free frames: {free}"


@pytest.mark.parametrize("la57, enters", [("on", False), ("off", True)])
def test_an_image_without_an_entry_for_five(boot, tmp_path, la57, enters):
    """It is refused on five levels, and accepted on four. Only a kernel that is
    no Baton is asked: this one is recognized by the first bytes of its file."""
    kernel = bytearray(paths.KERNEL.read_bytes())
    kernel[:5] = b"MZ\0\0\0"
    kernel[XLOADFLAGS] &= ~XLF_5LEVEL
    files = {"baton": bytes(kernel)}
    files["SHA256SUMS"] = media.sums(files)
    bundle = tmp_path / "bundle.cpio"
    bundle.write_bytes(media.cpio(files))
    with boot(f"generations=2 la57={la57} end=exit", cpu=LA57,
              bundle=bundle) as machine:
        run = machine.finish()
    refusals = run.all("refused", gen=0, what="image")
    assert [("page tables of 5 levels" in refusal["why"])
            for refusal in refusals] == ([] if enters else [True])
    assert len(run.all("kexec.jump", gen=0)) == enters
    # It then gets what a Linux gets, and is none.
    assert run.all("panic", gen=0) == []


def test_a_processor_without_five_levels(boot):
    with boot("generations=1 la57=on end=exit") as machine:
        run = machine.finish()
    why = run.one("refused", gen=0, what="cmdline")["why"]
    assert "la57=on" in why and "CPUID" in why
    run.one("space", gen=0, paging="4")
    run.one("end", gen=0, verdict="pass")


def test_an_unknown_number_of_levels(boot):
    with boot("generations=1 la57=six end=exit") as machine:
        run = machine.finish()
    assert "la57=six" in run.one("refused", gen=0, what="cmdline")["why"]
    run.one("end", gen=0, verdict="pass")
