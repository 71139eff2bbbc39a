"""Every mode on every firmware, as far as each allows.

The features of a firmware are a row of chain.FIRMWARES. `make test` runs a
part of these tests, `make test-all` all; they record the table at its end.
"""

import itertools
import re

import pytest

from harness import qemu
from harness.chain import (EXPECTED, FIRMWARES, GENERATIONS, Chain, expected)

SLICE = {("smm", "physical"), ("smm", "fixed"), ("bios", "fixed"),
         ("ia32", "physical"), ("ia32", "fixed"), ("ia32", "direct"),
         ("uboot", "physical"), ("uboot", "fixed"), ("uboot", "naive")}


def is_quick(firmware: str, mode: str) -> bool:
    return (firmware == "pflash" or (firmware, mode) in SLICE
            or (firmware in qemu.BUILDS and mode == "fixed"))


def pairs(modes):
    """Every firmware with each mode; slow, if it is not in that part."""
    for pair in itertools.product(FIRMWARES, modes):
        marks = [] if is_quick(*pair) else [pytest.mark.slow]
        yield pytest.param(*pair, marks=marks)


@pytest.fixture
def chain(chain_of, record_property):
    """The shared run of a mode on a firmware, which gets a row of the table."""

    def get(mode: str, firmware: str) -> Chain:
        chain = chain_of(mode, firmware)
        reported = [chain.summary(gen) for gen in range(GENERATIONS)]
        record_property("matrix",
                        [firmware, mode, *reported, chain.run.end.how])
        return chain

    return get


@pytest.mark.parametrize("firmware, mode", pairs(EXPECTED))
def test_chain(chain, firmware, mode):
    run = chain(mode, firmware)
    assert run.problems(mode) == []
    assert run.run.all("panic") == []
    quirks = {event["name"] for event in run.run.all("efi.quirk")}
    quirks.discard("open-code")  # of some builds of EDK II
    unseen = set()  # quirks that need a call, and a table that it changes
    if expected(mode, firmware).first == "never":
        unseen |= {"svam-in-boot-memory"}
    if mode in ("physical", "identity"):
        unseen |= {"crc-after-svam"}
    assert quirks == FIRMWARES[firmware].quirks - unseen


def test_no_flash_is_mapped_with_a_driver_in_smm(chain):
    """The driver for variables is not accessible; only its interface is
    mapped."""
    types = {region.type for region in chain("fixed", "smm").regions(0)}
    assert types and "MMIO" not in types


def test_a_descriptor_of_another_size(chain):
    """U-Boot's have 40 bytes, EDK II's 48; the handoff is the same."""
    run = chain("fixed", "uboot")
    assert all(run.regions(gen) == run.regions(0) != []
               for gen in range(1, GENERATIONS))


def test_read_only_variables_can_be_read(chain):
    run = chain("fixed", "uboot").run
    details = {e["detail"] for e in run.all("proof", check="enumerate")}
    assert len(details) == 1
    assert re.match(r"[1-9]\d* variables, [1-9]", details.pop())


def test_a_call_into_reused_memory_is_refused(boot):
    """U-Boot's SetVirtualAddressMap is in boot-services memory, which the
    previous generation has reused."""
    with boot("generations=3 efi=physical,fixed,physical end=exit",
              firmware="uboot") as machine:
        run = machine.finish()
    assert run.all("panic") == run.all("efi.call", gen=1) == []
    assert "in generation 0 alone" in run.one("refused", gen=1, what="efi")["why"]
    run.one("end", gen=2, verdict="pass")  # for it was not called
