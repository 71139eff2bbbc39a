"""Invalid input: refused with a reason, and the kernel continues.

None of these may be a panic: a wrong word on the command line or a damaged
file is an error of the input, not of the kernel.
"""

import re
import struct

import pytest

from harness import media, paths
from harness.events import wanted
from harness.rsp import symbol

INIT_SIZE = 0x260  # of the setup header (boot.rst)


def refused(run, gen: int, what: str):
    """The refusal, in a run without a panic."""
    assert run.all("panic") == []
    return run.one("refused", gen=gen, what=what)["why"]


def bundle(tmp_path, **files: bytes):
    """A bundle of these files, and the checksums of the real ones."""
    members = {"baton": paths.KERNEL.read_bytes()}
    members["SHA256SUMS"] = media.sums(members)
    members.update(files)
    path = tmp_path / "bundle.cpio"
    path.write_bytes(media.cpio(members))
    return path


def test_an_unknown_mode(boot):
    with boot("efi=telepathic generations=1 end=exit") as machine:
        run = machine.finish()
    why = refused(run, 0, "cmdline")
    assert "telepathic" in why
    assert all(mode in why for mode in ("physical", "identity", "fixed",
                                        "naive"))
    assert run.end.how == "debug-exit"


def test_two_mistakes_are_both_reported(boot):
    with boot("efi=telepathic generations=0 la57=six end=exit") as machine:
        run = machine.finish()
    why = refused(run, 0, "cmdline")
    assert all(word in why
               for word in ("telepathic", "generations=0", "la57=six"))


def test_unknown_words(boot):
    """Reported in the log and as an event, and handed on."""
    with boot('efi=off lvies=1 generations=2 "no such=word" efi.tuch=on '
              "end=exit") as machine:
        run = machine.finish()
    words = "lvies=1 no such=word efi.tuch=on"
    for gen in (0, 1):
        assert run.one("cmdline", gen=gen)["unknown"] == "3"
        assert run.one("cmdline", gen=gen)["words"] == words
    line = f"unknown kernel command line words: {words}"
    assert sum(line in text for text in run.lines) == 2


def documented() -> dict[str, str]:
    """Key -> text, of the README's table of options, without its links."""
    table = (paths.ROOT / "README.md").read_text().partition("## Options")[2]
    rows = re.findall(r"^\| `([a-z0-9._]+)=?` \| (.*) \|$", table, re.M)
    return {key: re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
            for key, text in rows}


def test_the_readme_has_the_options_of_the_kernel(boot):
    """All of its rows, and no others: the README's text starts with the help,
    and contains each word that can be selected."""
    with boot("efi=off generations=1") as machine:
        shown = machine.ask("options").lines
    table = documented()
    for line in shown:
        key, help, words = re.fullmatch(
            r" +([a-z0-9._]+) +(.*?)(?: \(([a-z ]+)\))?", line).groups()
        text = table.pop(key)
        assert text.replace("`", "").startswith(help), f"{key}: {help}"
        for word in (words or "").split():
            assert f"`{word}`" in text, f"{key}={word}"
    assert table == {}


def test_each_mode_and_each_crash_is_in_the_readme(boot):
    """A refusal lists the valid words."""
    with boot("efi=telepathic crash=boredom generations=1 end=exit") as machine:
        why = refused(machine.finish(), 0, "cmdline")
    for key in ("efi", "crash"):
        known = re.search(rf"{key}=\w+ is none of: ([a-z, ]+)", why)[1]
        for word in known.split(", "):
            assert f"`{word}`" in documented()[key], word


def test_the_bundle_made_here_is_like_the_real_one(boot, tmp_path):
    with boot("generations=2 end=exit", bundle=bundle(tmp_path)) as machine:
        run = machine.finish()
    run.expect(wanted("kexec.jump", gen=0), wanted("end", gen=1))


def test_no_bundle(boot):
    with boot("generations=2 end=exit", bundle=None) as machine:
        run = machine.finish()
    assert "bundle" in refused(run, 0, "image")
    assert run.all("kexec.jump") == []
    run.one("end", gen=0)


def place_bundle(machine, pa: int, data: bytes = b"") -> None:
    """As another kernel than Baton may pass it, without a checksum."""
    size = paths.BUNDLE.stat().st_size
    with machine.debugger() as debugger:
        debugger.run_to(symbol(paths.SYMBOLS, "options_read"))
        line_va = debugger.register("rdi")  # of boot_info, as is …
        boot_info = debugger.read(line_va, 0x10000)
        bundle_bytes = boot_info.index(struct.pack("<Q", size))
        debugger.write(line_va + bundle_bytes - 8, struct.pack("<Q", pa))
        debugger.physical()
        debugger.write(pa, data)
        debugger.detach()


@pytest.mark.parametrize("pa", [1 << 40, (1 << 64) - 0x1000])
def test_a_bundle_outside_memory(boot, pa):
    with boot("efi=off generations=2 end=exit", paused=True) as machine:
        place_bundle(machine, pa)
        run = machine.finish()
    assert f"at {pa:#x} are not free memory: hole" in refused(run, 0, "bundle")
    assert "no bundle: " in refused(run, 0, "image")
    run.one("end", gen=0, verdict="refused")


@pytest.mark.parametrize("pa", [5 << 30, (5 << 30) + 0x7E00])
def test_a_bundle_above_the_frames(boot, pa):
    """Free memory is not mapped there, and the bundle fills no whole page."""
    data = paths.BUNDLE.read_bytes()
    assert len(data) % 4096
    with boot("efi=off generations=3 end=exit", paused=True,
              ram_mib=6144) as machine:
        place_bundle(machine, pa, data)
        run = machine.finish()
    run.expect(wanted("kexec.jump", gen=0), wanted("kexec.jump", gen=1),
               wanted("end", gen=2))


def test_a_bundle_that_is_not_an_archive(boot, tmp_path):
    noise = tmp_path / "noise"
    noise.write_bytes(b"this is no archive" * 100)
    with boot("generations=2 end=exit", bundle=noise) as machine:
        run = machine.finish()
    assert refused(run, 0, "image")
    run.one("end", gen=0)


def test_an_image_with_a_wrong_checksum(boot, tmp_path):
    """One bit of the next kernel differs from its checksum."""
    kernel = bytearray(paths.KERNEL.read_bytes())
    kernel[-1] ^= 1
    bad = bundle(tmp_path, baton=bytes(kernel))
    with boot("generations=2 end=exit", bundle=bad) as machine:
        run = machine.finish()
    assert "SHA-256" in refused(run, 0, "kexec")
    assert run.all("kexec.jump") == []
    run.one("end", gen=0)


def test_an_image_that_is_cut_off(boot, tmp_path):
    kernel = paths.KERNEL.read_bytes()[:0x300]
    bad = bundle(tmp_path, baton=kernel,
                 SHA256SUMS=media.sums({"baton": kernel}))
    with boot("generations=2 end=exit", bundle=bad) as machine:
        run = machine.finish()
    assert refused(run, 0, "image")
    run.one("end", gen=0)


def test_an_image_that_is_too_large_does_not_hinder_the_next(boot, tmp_path):
    """The requirements of one image do not apply to the next."""
    baton = paths.KERNEL.read_bytes()
    huge = bytearray(baton)
    struct.pack_into("<I", huge, INIT_SIZE, 1 << 30)
    sums = media.sums({"baton": baton, "huge": huge})
    both = bundle(tmp_path, huge=bytes(huge), SHA256SUMS=sums)
    with boot('efi=off generations=1 run="kexec huge; kexec baton end=exit"',
              bundle=both) as machine:
        run = machine.finish()
    assert "huge: no 262144 contiguous free frames" in refused(run, 0, "image")
    run.expect(wanted("kexec.jump", gen=0), wanted("boot", gen=1))
