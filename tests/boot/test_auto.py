"""efi=auto: the first mode that the machine, its firmware and the next kernel
allow. Every mode before it is logged with the reason.
"""

import pytest
from test_variants import make, without

from harness import paths
from harness.rsp import symbol

ORDER = ["offset", "contiguous", "compact", "fixed", "identity", "physical",
         "packed"]


def choice(run, gen: int) -> tuple[dict[str, str], str | None]:
    """Why modes were passed over, and the one that was chosen."""
    asked = run.all("efi.auto", gen=gen)
    assert [event["mode"] for event in asked] == ORDER[:len(asked)]
    reasons = {event["mode"]: event["why"] for event in asked
               if event["use"] == "no"}
    assert all(reasons.values())
    chosen = [event["mode"] for event in asked[len(reasons):]]
    assert len(chosen) <= 1
    return reasons, chosen[0] if chosen else None


def has_flash_region(run) -> bool:
    """Without SMM the flash below 4 GiB is a region, too: a run that keeps
    distances is longer than what 32-bit firmware has for it."""
    return any(region["type"] == "MMIO"
               for region in run.all("efi.region", gen=0))


def test_the_first_one_fits(boot):
    """Later generations are bound to it: there is nothing to choose."""
    with boot("efi=auto generations=3 end=exit") as machine:
        run = machine.finish()
    assert choice(run, 0) == ({}, "offset")
    assert choice(run, 1) == choice(run, 2) == ({}, None)
    assert [(e["mode"], e["svam"]) for e in run.all("efi.mode")] == [
        ("offset", "called"), ("offset", "inherited"), ("offset", "inherited")]
    run.one("end", gen=2, verdict="pass")


def test_after_physical_there_is_a_choice(boot):
    with boot("efi=physical,auto generations=3 end=exit") as machine:
        run = machine.finish()
    assert choice(run, 1) == ({}, "offset")
    assert [(e["mode"], e["svam"]) for e in run.all("efi.mode")] == [
        ("physical", "never"), ("offset", "called"), ("offset", "inherited")]


def test_after_another_mode_there_is_none(boot):
    with boot("efi=table,auto generations=2 end=exit") as machine:
        run = machine.finish()
    assert choice(run, 1) == ({}, None)
    run.one("efi.mode", gen=1, mode="table", svam="inherited")
    run.one("end", gen=1, verdict="pass")


def test_the_firmware_has_no_such_addresses(boot):
    with boot("efi=auto generations=2 end=exit", firmware="ia32") as machine:
        run = machine.finish()
    reasons, chosen = choice(run, 0)
    assert chosen == ("compact" if has_flash_region(run) else "contiguous")
    assert "no addresses from 0x100000000 on" in reasons["offset"]
    run.one("efi.mode", gen=1, mode=chosen, svam="inherited")


def test_a_mode_has_no_place_for_a_region(boot):
    """The map lists a region above 64 TiB."""
    with boot("efi=auto generations=2 end=exit", sin="map-far") as machine:
        run = machine.finish()
    reasons, chosen = choice(run, 0)
    assert chosen == "compact"
    assert "memory below 0x400000000000 only" in reasons["offset"]
    assert "is not between 0x400000000000" in reasons["contiguous"]
    run.one("end", gen=1, verdict="pass")


def test_a_machine_like_the_t320(boot):
    """In any other mode its SetVirtualAddressMap would fault."""
    with boot("efi=auto generations=2 end=exit",
              sin="handler-unlisted") as machine:
        run = machine.finish()
    assert choice(run, 0) == ({}, "offset")
    assert run.all("efi.fault") == []
    run.one("end", gen=1, verdict="pass")


def test_a_quirk_excludes_modes(boot):
    """U-Boot's SetVirtualAddressMap is gone after generation 0."""
    with boot("efi=physical,auto generations=2 end=exit",
              firmware="uboot") as machine:
        run = machine.finish()
    reasons, chosen = choice(run, 1)
    assert chosen == "physical"
    assert all("in generation 0 alone" in why for why in reasons.values())
    run.one("end", gen=1, verdict="pass")


def test_every_mode_is_excluded(boot):
    """The same, and it is by Apple now."""
    with boot("efi=physical,auto generations=2 end=exit", firmware="uboot",
              paused=True) as machine:
        with machine.debugger() as debugger:
            for _ in range(2):
                debugger.run_to(symbol(paths.SYMBOLS, "efi_open"))
            record = symbol(paths.SYMBOLS, "efi_vendor_name")
            debugger.run_to(record)
            vendor_pa = debugger.register("rdi")
            debugger.physical()
            debugger.write(vendor_pa, "Apple\0".encode("utf-16-le"))
            debugger.detach()
        run = machine.finish()
    reasons, chosen = choice(run, 1)
    assert chosen is None and list(reasons) == ORDER
    for mode in ("identity", "physical"):
        assert "by Apple is known to fail where VA = PA" in reasons[mode]
    why = run.one("refused", gen=1, what="efi")["why"]
    assert why.startswith("efi=auto: no mode can be used")
    assert run.all("efi.call", gen=1) == run.all("panic") == []
    run.one("end", gen=1, verdict="refused")


def test_the_next_kernel_does_not_know_a_mode(boot):
    """It was built without the policies."""
    folder = paths.BUILD / "variants" / "without-efi-policies"
    done = make(folder, without("efi/policies"))
    assert done.returncode == 0, done.stderr[-2000:]
    with boot("efi=auto,inherit generations=2 end=exit",
              bundle=folder / "bundle.cpio") as machine:
        run = machine.finish()
    assert choice(run, 0) == (
        {"offset": "the next kernel, baton, knows no mode offset"},
        "contiguous")
    run.one("efi.mode", gen=1, mode="contiguous", svam="inherited")
    run.one("end", gen=1, verdict="pass")


def test_a_linux_cannot_take_over_32_bit_firmware(boot):
    """Unless it calls SetVirtualAddressMap itself."""
    with boot("efi=auto generations=2 next=vmlinuz end=exit "
              "console=ttyS0 tsc=reliable", firmware="ia32",
              bundle=paths.LINUX_BUNDLE) as machine:
        machine.wait_for("kexec.jump", gen=0)
        run = machine.run
        reasons, chosen = choice(run, 0)
    assert chosen == "physical"
    assert "no addresses from" in reasons["offset"]
    modes = ("compact", "fixed", "identity")
    for mode in modes if has_flash_region(run) else ("contiguous", *modes):
        assert reasons[mode].startswith("Linux cannot call 32-bit firmware")


@pytest.mark.parametrize("words", ["next=wishful", "generations=1"])
def test_without_a_next_kernel_none_has_to_know_it(boot, words):
    with boot(f"efi=auto {words} end=exit") as machine:
        run = machine.finish()
    assert choice(run, 0) == ({}, "offset")
    assert run.all("panic") == []
