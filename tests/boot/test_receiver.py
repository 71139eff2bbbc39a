"""Other kernels than Baton get only what their header declares to support.

The images here are Baton with another header (Documentation/x86/boot.rst), and
memtest86+ as Debian has it: not relocatable, without XLF_EFI_KEXEC. Given the
firmware's tables, it would use pointers that SetVirtualAddressMap made virtual.
"""

import re
import struct
import subprocess

import pytest

from harness import media, paths
from harness.chain import EXPECTED
from harness.events import wanted
from harness.rsp import symbol

# Fields of the setup header, as in boot_params, and their sizes.
INITRD_MAX, RELOCATABLE, XLOADFLAGS = (0x22C, "I"), (0x234, "B"), (0x236, "H")
COMMAND_LINE_MAX, PREFERRED = (0x238, "I"), (0x258, "Q")
RUN_BYTES = (0x260, "I")  # init_size
KERNEL_64, ABOVE_4G, EFI_KEXEC, LEVEL_5 = 1, 2, 16, 32
EFI_INFO, EFI_INFO_BYTES, RAMDISK, SETUP_DATA = 0x1C0, 32, 0x218, 0x250
SETUP_EFI = 4
LOADER, LOADER_KEXEC = 0x210, 0xD0


@pytest.fixture
def start(boot, tmp_path):
    """A machine with an image `other`: a Baton except for its name and header.
    """

    def get(cmdline: str, fields: dict, **options):
        other = bytearray(paths.KERNEL.read_bytes())
        other[:5] = b"Other"
        for (at, form), value in fields.items():
            struct.pack_into("<" + form, other, at, value)
        files = {"baton": paths.KERNEL.read_bytes(), "other": bytes(other)}
        files["SHA256SUMS"] = media.sums(files)
        bundle = tmp_path / "other.cpio"
        bundle.write_bytes(media.cpio(files))
        return boot(f"{cmdline} end=exit", bundle=bundle, **options)

    return get


@pytest.fixture
def received(start):
    """The boot_params of `other`, and its nodes; and the run, to its end. It
    reads them as those of a Linux, so it is generation 2."""

    def get(cmdline: str, fields: dict, **options):
        with start(cmdline, fields, paused=True, **options) as machine:
            with machine.debugger() as debugger:
                debugger.run_to(symbol(paths.SYMBOLS, "kexec_last_instruction"))
                debugger.physical()
                params_pa = debugger.register("rsi")
                params = debugger.read(params_pa, 4096)
                debugger.write(params_pa + LOADER, bytes([LOADER_KEXEC]))
                nodes = list(kinds(debugger, params))
                debugger.detach()
            run = machine.finish()
        assert run.all("panic") == []
        return params, nodes, run

    return get


def kinds(debugger, params: bytes):
    pa, = struct.unpack_from("<Q", params, SETUP_DATA)
    while pa:
        pa, kind, _bytes = struct.unpack("<QII", debugger.read(pa, 16))
        yield kind


def refused(start, cmdline: str, fields: dict, what: str = "image") -> str:
    with start(cmdline, fields) as machine:
        run = machine.finish()
    assert run.all("kexec.jump") == run.all("panic") == []
    return run.one("refused", gen=0, what=what)["why"]


@pytest.mark.parametrize("asks", [False, True])
def test_efi_data_is_passed_only_on_request(received, asks):
    flags = KERNEL_64 | ABOVE_4G | LEVEL_5 | EFI_KEXEC * asks
    params, nodes, run = received("generations=2 efi=fixed next=other",
                              {XLOADFLAGS: flags})
    info = params[EFI_INFO:EFI_INFO + EFI_INFO_BYTES]
    assert (info[:4] == b"EL64") == (SETUP_EFI in nodes) == asks
    assert any(info) == asks
    lineage = [line.split("lineage: ")[1].split() for line in run.lines
               if line.startswith("g2 ") and "boot: lineage: " in line]
    assert [(words[1], words[5]) for words in lineage] == [
        ("0", "efi=fixed"), ("1", "efi=linux")]
    assert any("does not support EFI data" in line
               for line in run.lines) == (not asks)
    run.one("boot", gen=2)


@pytest.mark.parametrize("mode", ["direct", "naive"])
def test_addresses_matter_only_with_efi_data(received, mode):
    """A Linux could not keep these; a kernel without EFI data need not."""
    params, _, run = received(f"generations=2 efi={mode} next=other",
                          {XLOADFLAGS: KERNEL_64})
    assert not any(params[EFI_INFO:EFI_INFO + EFI_INFO_BYTES])
    run.one("boot", gen=2)


def test_a_command_line_that_is_too_long(start):
    why = refused(start, f"generations=2 efi=fixed next=other x={'x' * 80}",
                  {COMMAND_LINE_MAX: 99}, "kexec")
    assert "the limit is 99" in why


@pytest.mark.parametrize("flags, given", [
    (KERNEL_64, False), (KERNEL_64 | ABOVE_4G, True)])
def test_an_initrd_where_it_can_be_reached(received, flags, given):
    params, _, run = received("generations=2 efi=fixed next=other",
                          {XLOADFLAGS: flags,
                                                INITRD_MAX: 0xFFFF})
    assert bool(struct.unpack_from("<Q", params, RAMDISK)[0] >> 32) == given
    assert any("it gets no bundle" in line for line in run.lines) != given


@pytest.mark.parametrize("pa", [0x400000, 0x5400000])
def test_the_preferred_address(received, pa):
    _, _, run = received("generations=2 efi=fixed next=other",
                     {RELOCATABLE: 0, PREFERRED: pa})
    assert run.one("kexec.load", gen=0, image="other").number("base") == pa
    assert run.one("boot", gen=2).number("base") == pa


@pytest.mark.parametrize("pa, kind", [
    (0x200000, "in-use"),  # generation 0 itself
    (0xFFC00000, "mmio"),
    (3 << 30, "hole"),
    (1 << 40, "do not end below 0x100000000"),
])
def test_a_preferred_address_that_is_taken(start, pa, kind):
    why = refused(start, "generations=2 efi=fixed next=other",
                  {RELOCATABLE: 0, PREFERRED: pa})
    assert f"at {pa:#x}" in why and why.endswith(kind)


def test_an_image_that_ends_with_the_memory_below_4_gib(start):
    """There is no memory at its place; for a byte more there is no place."""
    for size, end in ((8 << 20, "hole"),
                      ((8 << 20) + 1, "do not end below 0x100000000")):
        why = refused(start, "generations=2 efi=fixed next=other",
                      {RELOCATABLE: 0, PREFERRED: (1 << 32) - (8 << 20),
                       RUN_BYTES: size})
        assert why.endswith(end)


@pytest.fixture(scope="session")
def memtest():
    """Debian's, if it is available."""
    image = paths.BUILD / "memtest.bin"
    with paths.hold(image):
        if not image.exists() and subprocess.run(
                [paths.ROOT / "tools/memtest", image]).returncode:
            pytest.skip("memtest86+ cannot be downloaded (tools/memtest)")
    return image


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(EXPECTED))
def test_memtest86(boot, tmp_path, memtest, mode):
    """It starts, draws its screen on the serial line, and tests."""
    bundle = tmp_path / "memtest.cpio"
    subprocess.run([paths.ROOT / "tools/bundle", bundle, paths.KERNEL,
                    memtest], check=True)
    with boot(f"generations=2 efi={mode} next=memtest.bin "
              "console=ttyS0,115200 end=exit",
              bundle=bundle) as machine:
        machine.wait_for("kexec.jump", gen=0)
        log = machine.run.home / "serial.log"
        while not re.search(rb"#\d+  \[\w", log.read_bytes()):
            assert not machine.run.end
            machine.hear()
        picture = log.read_bytes().partition(b"@kexec.jump")[2]
    assert machine.run.all("refused") == machine.run.all("panic") == []
    machine.run.expect(
        wanted("kexec.load", image="memtest.bin", base="0x100000"))
    assert b"Memtest86+ v" in picture and b"Errors: 0 " in picture
    assert b"Unexpected" not in picture
