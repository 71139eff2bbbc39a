"""Boot media: a small disk for a run, and an ISO.

The disk is one FAT file system without a partition table, which OVMF accepts as
an EFI system partition: GRUB as \\EFI\\BOOT\\BOOTX64.EFI and BOOTIA32.EFI, a
menu without delay, the kernel, its bundle. Nothing here depends on the time or the
directory, so the same input gives the same bytes.
"""

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

from . import cli, paths

# Three versions of GRUB, for UEFI of either width and for BIOS. All modules are
# inside, which is faster than reading them one by one from a disk.
MODULES = """boot configfile echo fat halt iso9660 multiboot2 normal part_gpt
    part_msdos reboot search search_label serial terminal test""".split()
PLATFORMS = {
    "x86_64-efi": ["chain", "iorw", "newc", "efi_gop", "mmap"],
    "i386-efi": ["chain", "iorw", "newc", "efi_gop", "mmap"],
    "i386-pc": ["biosdisk", "vbe"],
}

EPOCH = "1362177167"  # 2013-03-01T22:32:47Z, the proposal that this kernel implements
ENVIRONMENT = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "TZ": "UTC"}
SERIAL_NUMBER = "0ba70000"  # of the FAT file systems
FAT_LABEL, ISO_LABEL = "BATON EFI", "BATON"

CARGO_BYTES = 32 << 20  # mostly sparse
PAUSE_PORT = 0x505
FRAME, HOLES_PA = 0x1000, 0x10000000

SPARE_BYTES = 512 * 1024  # for folders, file system tables, partial clusters
MODES = ("fixed", "physical", "identity", "contiguous", "offset",
         "compact", "packed", "direct", "table", "naive", "off")


def tool(*command, **options) -> None:
    """Run a tool; its output is shown only if it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **options,
    )
    if done.returncode:
        words = " ".join(str(word) for word in command)
        raise RuntimeError(f"{words}\n{done.stdout.decode(errors='replace')}")


def grub(platform: str, *more: str) -> Path:
    """GRUB for one platform, with its modules and more inside; made once."""
    modules = [*MODULES, *PLATFORMS[platform], *more]
    prefix = "/EFI/BOOT" if platform.endswith("efi") else "/boot/grub"
    home = Path("/usr/lib/grub") / platform
    stamp = (home / "modinfo.sh").read_bytes()
    key = hashlib.sha256(" ".join([*modules, prefix]).encode() + stamp)
    image = paths.MEDIA / f"grub-{platform}-{key.hexdigest()[:12]}"
    with paths.hold(image):
        if not image.exists():
            draft = image.with_suffix(".new")
            form = "i386-pc-eltorito" if platform == "i386-pc" else platform
            tool("grub-mkimage", "-O", form, "-p", prefix, "-o", draft,
                 *modules)
            draft.replace(image)
    return image


def loaders(*more: str) -> dict[str, Path]:
    """GRUB where firmware of either width looks for it (UEFI 2.10 §3.5.1.1)."""
    return {"/EFI/BOOT/BOOTX64.EFI": grub("x86_64-efi", *more),
            "/EFI/BOOT/BOOTIA32.EFI": grub("i386-efi", *more)}


def fat(image: Path, files: dict[str, Path]) -> Path:
    """A FAT file system that contains `files` (path -> source)."""
    bytes_used = sum(source.stat().st_size for source in files.values())
    mib = (bytes_used + SPARE_BYTES >> 20) + 1
    image.write_bytes(b"")  # not by mformat -C, which writes uninitialized bytes
    os.truncate(image, mib << 20)
    tool("mformat", "-i", image, "-T", mib * 2048, "-h", 16, "-s", 32,
         "-N", SERIAL_NUMBER, "-v", FAT_LABEL, "::")
    for folder in _folders(files):
        tool("mmd", "-i", image, f"::{folder}")
    for name, source in files.items():
        tool("mcopy", "-i", image, source, f"::{name}")
    return image


def _folders(files) -> list[str]:
    parents = {str(up) for name in files for up in Path(name).parents}
    return sorted(parents - {"/", "."})


PLAIN_WORD = re.compile(r"[\w.,=*+:/@%-]+", re.ASCII)
NO_WAY_TO_QUOTE = re.compile(r"""["'\\$`]""")


def command_line(words: list[str]) -> str:
    """Words, as split by a shell, as a line for GRUB and the kernel:
    a value with blanks is quoted again."""
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    if PLAIN_WORD.fullmatch(word):
        return word
    key, equals, value = word.partition("=")
    value = re.sub(r'^"(.*)"$', r"\1", value)
    if not word.isprintable() or NO_WAY_TO_QUOTE.search(key + value):
        raise cli.Trouble(f"{word!r}: GRUB cannot pass on quotes, backslashes, "
                          "$, `, or control characters")
    return f'{key}="{value}"' if equals else f'"{key}"'


def menu_entry(title: str, cmdline: str, bundle: bool = True,
               note: str = "") -> str:
    """One entry of GRUB's menu."""
    lines = [f"multiboot2 /baton {cmdline}"]
    if bundle:
        lines.append("module2 /bundle.cpio bundle")
    if note:
        lines.append(f"echo '{note}'")
    body = "".join(f"    {line}\n" for line in lines)
    return f"menuentry '{title}' {{\n{body}}}\n"


def run_menu(cmdline: str, bundle: bool, holes: int, sin: str = "") -> str:
    """GRUB's script for one run, without a menu. Each hole is one frame
    that GRUB removes from memory, separate from the others."""
    cuts = "".join(
        f"cutmem {start:#x} {start + FRAME:#x}\n" for start in
        range(HOLES_PA, HOLES_PA + holes * 2 * FRAME, 2 * FRAME))
    entry = menu_entry("Baton", cmdline, bundle)
    return f"set timeout=0\n{sinner(sin)}{cuts}{entry}"


def memory(image: Path, cmdline: str, kernel: Path, bundle: Path | None) -> Path:
    """GRUB with the menu, the kernel and its bundle inside: an EFI program that
    reads no disk."""
    files = {"grub.cfg": run_menu(cmdline, bundle is not None, 0).encode(),
             "baton": kernel.read_bytes()}
    if bundle:
        files["bundle.cpio"] = bundle.read_bytes()
    archive = image.with_suffix(".cpio")
    archive.write_bytes(cpio(files))
    start = image.with_suffix(".cfg")
    start.write_text("set root=memdisk\nconfigfile /grub.cfg\n")
    tool("grub-mkimage", "-O", "x86_64-efi", "-p", "(memdisk)/", "-m", archive,
         "-c", start, "-o", image, "boot", "configfile", "efi_gop", "memdisk",
         "mmap", "multiboot2", "newc", "normal")
    archive.unlink()
    return image


def sinner(sin: str) -> str:
    """The part of a script that loads the driver with a fault, or ends the run:
    without it there is nothing to test."""
    return f"""\
if chainloader /sins-$grub_cpu.efi {sin}; then
    boot
else
    echo 'No driver for this firmware is as new as tests/firmware: {DRIVERS}'
    halt
fi
""" if sin else ""


def disk(image: Path, cmdline: str, kernel: Path = paths.KERNEL,
         bundle: Path | None = paths.BUNDLE, holes: int = 0) -> Path:
    """The disk of one run: boots `kernel` with `cmdline` without a menu."""
    menu = image.with_suffix(".cfg")
    menu.write_text(run_menu(cmdline, bundle is not None, holes))
    files = {
        **loaders(),
        "/EFI/BOOT/grub.cfg": menu,
        "/baton": kernel,
    }
    if bundle:
        files["/bundle.cpio"] = bundle
    return fat(image, files)


def esp(image: Path, cmdline: str, bundle: Path, sin: str = "") -> Path:
    """A disk from which GRUB starts Linux by its EFI stub, with `bundle` as
    its initramfs."""
    menu = image.with_suffix(".cfg")
    menu.write_text(f"set timeout=0\n{sinner(sin)}"
                    f"linux /vmlinuz {cmdline}\ninitrd /linux.cpio\nboot\n")
    files = {
        **loaders("linux"),
        "/EFI/BOOT/grub.cfg": menu,
        "/vmlinuz": paths.LINUX / "vmlinuz",
        "/linux.cpio": bundle,
    }
    for name, driver in sins(sin).items():
        files[f"/{name}"] = driver
    return fat(image, files)


# The loader's script: QEMU pauses when this port is written to (a pvpanic
# device), and GRUB has not read the second disk by then.
LOADER = f"""\
set timeout=0
outb {PAUSE_PORT:#x} 1
set root=hd1
configfile /grub.cfg
"""


def loader() -> Path:
    """The disk with GRUB only, which continues with the cargo; made once."""
    names = " ".join(file.name for file in loaders().values())
    key = hashlib.sha256(LOADER.encode() + names.encode())
    image = paths.MEDIA / f"loader-{key.hexdigest()[:12]}.img"
    with paths.hold(image):
        if not image.exists():
            script = paths.replace(image.with_suffix(".cfg"), LOADER.encode())
            fat(image.with_suffix(".new"), {
                **loaders(),
                "/EFI/BOOT/grub.cfg": script,
            }).replace(image)
    return image


def cargo(image: Path, files: dict[str, bytes]) -> Path:
    """The disk that differs from run to run: a cpio archive, for speed.

    Its size is always the same, because GRUB already knows it when the machine
    is saved.
    """
    archive = cpio(files)
    assert len(archive) <= CARGO_BYTES, f"{len(archive)} bytes are too many"
    image.write_bytes(archive)
    os.truncate(image, CARGO_BYTES)
    return image


def cargo_of(cmdline: str, kernel: Path, bundle: Path | None,
             holes: int = 0, sin: str = "") -> dict:
    """The files on it: menu, kernel, bundle; and the driver with a fault
    (tests/firmware), to be loaded before the kernel."""
    menu = run_menu(cmdline, bundle is not None, holes, sin)
    files = {"grub.cfg": menu.encode(), "baton": kernel.read_bytes()}
    if bundle:
        files["bundle.cpio"] = bundle.read_bytes()
    files |= {name: driver.read_bytes() for name, driver in sins(sin).items()}
    return files


# `make all` does not build them, so they may be out of date.
DRIVERS = "make sins"
UNMOVED = "unmoved"  # the driver for this sin is linked in another way


def sins(sin: str) -> dict[str, Path]:
    """The driver with this fault, for firmware of either width: GRUB takes the
    one that has the name of its own processor."""
    if not sin:
        return {}
    newest = max(file.stat().st_mtime for file in paths.FIRMWARE.iterdir())
    more = f"-{UNMOVED}" if sin == UNMOVED else ""
    found = {}
    for cpu, driver in (("x86_64", paths.SINS), ("i386", paths.SINS32)):
        driver = driver.with_stem(driver.stem + more)
        if driver.exists() and driver.stat().st_mtime >= newest:
            found[f"sins-{cpu}.efi"] = driver
    assert found, f"no driver is as new as tests/firmware: {DRIVERS}"
    return found


# On a PC with a screen, this is the last message of GRUB.
ISO_NOTE = ("Baton is starting: a report follows on the screen, the log on the "
            "first serial port, 115200 8n1.")

ISO_WRITES = "Also write: variables in flash, clock and alarm (restored)"
ISO_MENU = """\
set timeout=5
# Under UEFI the firmware's console is there already, serial line included.
if [ "$grub_platform" = pc ]; then
    if serial --unit=0 --speed=115200; then
        terminal_output serial console
        terminal_input serial console
    fi
fi
"""


def iso(image: Path, kernel: Path = paths.KERNEL,
        bundle: Path = paths.BUNDLE, last: str = "end=monitor") -> Path:
    """An ISO for UEFI and for BIOS, as a disc or on a USB stick."""
    stage = image.with_suffix(".stage")
    shutil.rmtree(stage, ignore_errors=True)
    (stage / "boot/grub").mkdir(parents=True)
    (stage / "boot/grub/grub.cfg").write_text(iso_menu(last))
    shutil.copy(grub("i386-pc"), stage / "boot/grub/eltorito.img")
    shutil.copy(kernel, stage / "baton")
    shutil.copy(bundle, stage / "bundle.cpio")
    partition = fat(image.with_suffix(".efi"), _jump_to_iso(stage))
    draft = image.with_suffix(".new")
    _burn(stage, partition, draft)
    draft.replace(image)
    partition.unlink()
    shutil.rmtree(stage)
    return image


def iso_menu(last: str) -> str:
    """An entry per mapping mode; the first one is the default. They change
    nothing on the machine. Entries that write are in a submenu. `last` selects
    what the last generation does."""
    look = [menu_entry(f"Baton, efi={mode}: read only, change nothing",
                       f"efi={mode} prove=look {last}", note=ISO_NOTE)
            for mode in MODES]
    write = [menu_entry(f"Baton, efi={mode}, and write to this machine",
                        f"efi={mode} prove=write {last}", note=ISO_NOTE)
             for mode in MODES if mode != "off"]
    return (f"{ISO_MENU}{''.join(look)}submenu '{ISO_WRITES}' {{\n"
            f"{''.join(write)}}}\n")


def _jump_to_iso(stage: Path) -> dict[str, Path]:
    """The small EFI partition of the ISO: GRUB, and where its menu is.

    The same file is on the disc itself, because GRUB looks there
    when the firmware has read the partition as a boot image of the disc.
    """
    jump = stage / "EFI/BOOT/grub.cfg"
    jump.parent.mkdir(parents=True)
    jump.write_text(
        f"search --no-floppy --set=root --label {ISO_LABEL}\n"
        "configfile /boot/grub/grub.cfg\n"
    )
    return {
        **loaders(),
        "/EFI/BOOT/grub.cfg": jump,
    }


def _burn(stage: Path, partition: Path, image: Path) -> None:
    """xorriso, with fixed dates and numbers."""
    for path in [stage, *stage.rglob("*")]:
        os.utime(path, (int(EPOCH), int(EPOCH)))
    image.unlink(missing_ok=True)
    tool("xorriso", "-as", "mkisofs", "-o", image, "-V", ISO_LABEL, "-r",
         "--modification-date=2013030122324700",
         "--set_all_file_dates", "2013030122324700",
         "-b", "boot/grub/eltorito.img", "-no-emul-boot",
         "-boot-load-size", "4", "-boot-info-table", "--grub2-boot-info",
         "--grub2-mbr", "/usr/lib/grub/i386-pc/boot_hybrid.img",
         "-append_partition", "2", "0xef", partition, "-eltorito-alt-boot",
         "-e", "--interval:appended_partition_2:all::", "-no-emul-boot", stage)


def sums(files: dict[str, bytes]) -> bytes:
    """The text of SHA256SUMS of these files."""
    return "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n"
                   for name, data in files.items()).encode()


def cpio(files: dict[str, bytes]) -> bytes:
    """A newc archive, as `cpio -H newc` writes it, to make an invalid bundle."""
    parts = [_member(name, data, 0o100644) for name, data in files.items()]
    return b"".join([*parts, _member("TRAILER!!!", b"", 0)])


def _member(name: str, data: bytes, mode: int) -> bytes:
    sizes = [0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % number for number in sizes)
    return _padded(head + name.encode() + b"\0") + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
