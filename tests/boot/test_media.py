"""Every way to the kernel: UEFI with and without flash, BIOS; disk and ISO."""

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


@pytest.mark.parametrize("medium", MEDIA)
def test_without_uefi_the_chain_goes_on_and_says_so(boot, iso, medium):
    """SeaBIOS: nothing to call, but kernels start kernels all the same."""
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
