"""All boot paths: UEFI with and without flash, BIOS; disk and ISO."""

import re

import pytest

from harness import media
from harness.chain import Chain

MEDIA = ["iso", pytest.param("stick", marks=pytest.mark.slow)]


@pytest.mark.parametrize("medium", MEDIA)
def test_the_iso_boots_under_uefi(boot, iso, medium):
    with boot("", iso=iso, medium=medium) as machine:
        run = machine.finish()
    assert (run.end.how, run.end.code) == ("debug-exit", 33)
    assert Chain(run).counted() is None  # an entry without prove=write


def test_only_an_entry_that_says_so_changes_the_machine():
    """The entry that is started after five seconds only reads."""
    menu = media.iso_menu("end=monitor")
    first, _, writing = menu.partition(f"submenu '{media.ISO_WRITES}'")
    entry = re.compile(r"menuentry '(.*)' \{\s+multiboot2 /baton (.*)")
    assert "set default" not in menu  # so it is the first one
    assert all("read only" in title and "prove=look" in words
               for title, words in entry.findall(first))
    assert all("write" in title and "prove=write" in words
               for title, words in entry.findall(writing))
    assert [len(entry.findall(part)) for part in (first, writing)] == [
        len(media.MODES), len(media.MODES) - 1]


CHANGING = {"SetTime", "SetWakeupTime", "UpdateCapsule",
            "GetNextHighMonotonicCount", "SetVariable"}


def test_prove_look_changes_nothing(boot):
    """Not even after a panic, and not the record of an earlier panic."""
    with boot("efi=fixed generations=1 prove=look run=\"crash null\"") as machine:
        first = machine.finish()
    assert first.one("crash.saved")["why"] == "prove=write was not given"
    with boot("efi=fixed generations=1 run=\"crash null\"") as machine:
        died = machine.finish()
    assert died.one("crash.saved")["why"] == ""
    with boot("efi=fixed generations=1 prove=look end=exit", medium="disk",
              flash=died.flash) as machine:
        last = machine.finish()
    records = last.all("crash.record")
    assert records and all(e["deleted"] == "no" for e in records)
    for run in first, last:
        called = {event["svc"] for event in run.all("efi.call")}
        assert "GetTime" in called and not called & CHANGING


@pytest.mark.parametrize("medium", MEDIA)
def test_without_uefi_the_chain_continues(boot, iso, medium):
    """SeaBIOS: nothing to call, but kernels still start kernels."""
    with boot("", iso=iso, medium=medium, firmware="none") as machine:
        run = machine.finish()
    assert (run.end.how, run.end.code) == ("debug-exit", 39)
    run.one("end", gen=2, verdict="none")
    assert run.all("efi.call") == []


def test_firmware_without_flash(boot):
    """OVMF keeps its variables in memory here, and has no region of MMIO."""
    with boot("efi=fixed end=shutdown", firmware="bios") as machine:
        run = machine.finish()
    assert run.end.how == "guest-shutdown"
    run.one("end", gen=2, verdict="pass")
    types = {region.type for region in Chain(run).regions(0)}
    assert types == {"RuntimeServicesCode", "RuntimeServicesData"}


def test_two_isos_are_the_same(tmp_path):
    """The menu's bytes, dates and numbers do not depend on when and where."""
    for folder in ("one", "another-one"):
        (tmp_path / folder).mkdir()
    images = [media.iso(tmp_path / folder / "baton.iso")
              for folder in ("one", "another-one")]
    assert images[0].read_bytes() == images[1].read_bytes()
