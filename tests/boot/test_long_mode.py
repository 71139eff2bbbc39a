"""A processor without long mode: a line that says so, and no triple fault."""

import pytest

LINE = "Baton needs a 64-bit processor: this one has no long mode. It stops here."
TEXT_PA, TEXT_COLUMNS = 0xB8000, 80

slow = pytest.mark.slow


def last_line(machine) -> str:
    """What stands on the serial line when the machine has stopped."""
    run = machine.run
    while LINE not in run.lines and not run.end:
        machine.hear()
    assert run.end is None, run.end
    return run.lines[-1]


@pytest.mark.parametrize("cpu, options", [
    ("qemu32", {"firmware": "ia32"}),
    ("qemu32", {"firmware": "none", "medium": "iso"}),
    pytest.param("pentium3", {"firmware": "none", "medium": "iso"},
                 marks=slow),
], ids=str)
def test_it_is_told(boot, iso, cpu, options):
    with boot("", cpu=cpu, screen="none", iso=iso, **options) as machine:
        assert last_line(machine) == LINE
        assert machine.screen()[0] == LINE


def test_it_is_told_in_text_mode(boot, iso, tmp_path):
    """As GRUB leaves the screen if there are no graphics."""
    image = iso.read_bytes()
    start = image.index(b"multiboot2 /baton efi=fixed")
    end = image.index(b"\n", start)
    # The command sets it, because the header asks for graphics.
    command = b"multiboot2 /baton; set gfxpayload=text".ljust(end - start)
    text_iso = tmp_path / "text.iso"
    text_iso.write_bytes(image[:start] + command + image[end:])
    with boot("", cpu="qemu32", screen="none", iso=text_iso, medium="iso",
              firmware="none") as machine:
        assert last_line(machine) == LINE
        cells = machine.memory(TEXT_PA, 2 * TEXT_COLUMNS)
    assert cells[::2].decode("cp437").rstrip() == LINE
    assert set(cells[1::2]) == {0x0F}
