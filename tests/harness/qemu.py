"""The machine, as a command line: data in, data out, nothing is started here.

Every file on the command line is named relative to the directory of the run,
so that the command stays short, works from any checkout, and Unix sockets
keep clear of their limit of 107 bytes.
"""

import os
import re
import shlex
import shutil
from dataclasses import dataclass

from . import cli, tape

CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
CODE_SMM = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"
VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"
CODE_IA32 = "/usr/share/OVMF/OVMF32_CODE_4M.fd"
CODE_IA32_SMM = "/usr/share/OVMF/OVMF32_CODE_4M.secboot.fd"
VARS_IA32 = "/usr/share/OVMF/OVMF32_VARS_4M.fd"
EMULATED = "/usr/share/ovmf/OVMF.fd"
U_BOOT = "/usr/lib/u-boot/qemu-x86_64/u-boot.rom"
DEBUG_EXIT_PORT = 0xF4

# icount makes time a count of instructions: it does not depend on the host's
# load, and with sleep=off the firmware's delays cost nothing. KVM has neither;
# and a menu that waits for a person needs real time.
ACCEL = {
    "tcg": ["-accel", "tcg", "-icount", "shift=7,sleep=off"],
    "kvm": ["-accel", "kvm", "-cpu", "host"],
    "realtime": ["-accel", "tcg"],
}


@dataclass(frozen=True)
class Config:
    """What distinguishes one machine from another."""

    cmdline: str = ""  # the kernel's
    firmware: str = "pflash"  # a key of FIRMWARE
    medium: str = "disk"  # a key of MEDIUM
    sin: str = ""  # of a driver in the firmware; medium "saved" or "esp"
    ram_mib: int = 512
    machine: str = ""  # more properties of QEMU's -machine: "pit=off"
    cpu: str = ""  # QEMU's default, which has neither SMEP nor 1 GiB pages
    cpus: int = 1  # the others are halted; they run only with accel "realtime"
    screen: str = ""  # a graphics card, for QEMU's -display: none, gtk, vnc=…
    without: str = ""  # what a PC may lack: "keyboard", "serial keyboard"
    holes: int = 0  # in memory, cut by GRUB: each makes its map longer
    paused: bool = False  # wait for a debugger before the first instruction
    tape: str = ""  # record it, or play a tape from this state on (tape.py)
    serial: str = "pipe"  # the other end of the serial line: a key of SERIAL
    accel: str = cli.variable("ACCEL", cli.one_of(*ACCEL), "tcg")
    # Another build of firmware than those of FIRMWARE (own.py): its files, the
    # kind of machine that it is for, and more options of QEMU.
    code: str = ""
    variables: str = ""
    bios: str = ""
    board: str = "q35"
    args: str = ""

    @property
    def words(self) -> str:
        """The kernel's command line. This machine's flash and clock are its own,
        so the proofs may change them by default."""
        asked = re.search(r"(^| )prove=", self.cmdline)
        return self.cmdline if asked else f"{self.cmdline} prove=write".strip()

    @property
    def vars(self) -> str:
        """The file that the flash of a new machine is a copy of."""
        return self.variables or (
            VARS_IA32 if self.firmware == "ia32" else VARS)

    @property
    def restored(self) -> bool:
        """Does it start from a saved state, immediately before the kernel?"""
        return self.medium == "saved" and not self.tape

    @property
    def has_flash(self) -> bool:
        """Is there a flash file, vars.fd, in the directory of the run?"""
        return any("vars.fd" in word for word in self.firmware_words)

    @property
    def firmware_words(self) -> list[str]:
        if self.bios:
            return ["-bios", self.bios]
        if self.code:
            return build("pflash", self.code)
        return FIRMWARE[self.firmware]


FLASH = ["-drive", "if=pflash,unit=1,format=raw,file=vars.fd"]

# Where the variables are: in a flash file that the firmware writes directly
# (pflash); in one that it writes only in system management mode (smm); in one
# that it cannot write although it reports success (lying); only in memory
# (bios: OVMF without flash); in memory, read-only at runtime (uboot, which is
# not EDK II). One is 32-bit (ia32: below). Or there is no UEFI (none: SeaBIOS).
SMM = ["-machine", "smm=on",
       "-global", "driver=cfi.pflash01,property=secure,value=on"]
FIRMWARE = {
    "pflash": [
        "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={CODE}",
        *FLASH,
    ],
    "smm": [
        *SMM,
        "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={CODE_SMM}",
        *FLASH,
    ],
    "lying": [
        "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={CODE}",
        *FLASH[:-1], f"{FLASH[-1]},readonly=on",
    ],
    "bios": ["-bios", EMULATED],
    "uboot": ["-bios", U_BOOT],
    "none": [],
}

# More builds of EDK II, of the packages of Debian 13 and later. Each that is
# installed becomes a row above, so the tests include it.
BUILDS = {
    "strictnx": ("smm", "/usr/share/OVMF/OVMF_CODE_4M.secboot.strictnx.fd"),
    "legacy": ("bios", "/usr/share/ovmf/OVMF.legacy.fd"),
    "amdsev": ("bios", "/usr/share/ovmf/OVMF.amdsev.fd"),
}


def code_of(firmware: str) -> str:
    """The file with the firmware's code."""
    words = FIRMWARE[firmware]
    if "-bios" in words:
        return words[words.index("-bios") + 1]
    return next(word for word in words if "unit=0" in word).rpartition("=")[2]


def build(like: str, code: str) -> list[str]:
    """The options for a build that is used like another one."""
    return [word.replace(code_of(like), code) for word in FIRMWARE[like]]


FIRMWARE |= {name: build(*how) for name, how in BUILDS.items()
             if os.path.exists(how[1])}

# Debian 12 has the 32-bit build with SMM only; with SMM, that of Ubuntu 24.04
# crashes before it starts anything.
FIRMWARE["ia32"] = (build("pflash", CODE_IA32) if os.path.exists(CODE_IA32)
                    else build("smm", CODE_IA32_SMM))


# "saved" continues from a saved state: see saved.py. The firmware only scans
# disks that it may boot from, so the cargo has a bootindex as well. U-Boot has
# no driver for virtio, so "disk" is a common one. "stub" and "esp" do not boot
# Baton, but Linux, which the firmware starts by its EFI stub, from QEMU's own
# tables or from a disk, which gives another memory map. "memory" has no disk,
# whose response time would differ from run to run: QEMU's tables have GRUB, with
# everything inside. "core" has a second disk, which a capture kernel finds by
# its serial number.
DISK = [
    "-drive", "if=none,id=boot,format=raw,file=disk.img",
    "-device", "ide-hd,drive=boot,bus=ide.0,bootindex=0",
]
MEDIUM = {
    "saved": [
        "-device", "pvpanic",
        "-drive", "if=none,id=boot,format=raw,readonly=on,file=loader.img",
        "-device", "virtio-blk-pci,drive=boot,bootindex=0",
        "-drive", "if=none,id=cargo,format=raw,readonly=on,file=cargo.img",
        "-device", "virtio-blk-pci,drive=cargo,bootindex=1",
    ],
    "stub": ["-kernel", "vmlinuz", "-initrd", "linux.cpio"],
    "memory": ["-kernel", "grub.efi"],
    "disk": DISK,
    "esp": DISK,
    "core": [
        *DISK,
        "-drive", "if=none,id=core,format=raw,file=core.img",
        "-device", "virtio-blk-pci,drive=core,serial=core",
    ],
    "iso": ["-cdrom", "baton.iso"],
    "stick": [
        "-drive", "if=none,id=boot,format=raw,readonly=on,file=baton.iso",
        "-device", "virtio-blk-pci,drive=boot,bootindex=0",
    ],
}

# A pipe; this terminal; or a socket (tools/console). QEMU itself writes the log.
CHARDEV = "id=serial,logfile=serial.log"
SERIAL = {
    "pipe": [
        "-chardev", f"stdio,{CHARDEV},signal=off",
        "-serial", "chardev:serial", "-monitor", "none",
    ],
    "terminal": [
        "-chardev", f"stdio,{CHARDEV},mux=on,signal=off",
        "-serial", "chardev:serial", "-mon", "chardev=serial",
    ],
    "socket": [
        "-chardev", f"socket,{CHARDEV},path=serial.sock,server=on,wait=off",
        "-serial", "chardev:serial", "-monitor", "none",
    ],
}

# No port at the usual address; the harness gets no output.
COM2 = ["-chardev", f"stdio,{CHARDEV},signal=off",
        "-device", "isa-serial,chardev=serial,index=1", "-monitor", "none"]

# A state is written by `migrate`, and read before the machine runs.
MIGRATION_EVENTS = ["-global", "migration.x-events=on"]
SAVING = ["-action", "panic=pause", *MIGRATION_EVENTS]
RESTORING = ["-incoming", "exec:cat state", *MIGRATION_EVENTS]


def program() -> str:
    named = os.environ.get("QEMU")
    name = named or "qemu-system-x86_64"
    if not shutil.which(name):
        raise cli.Trouble(f"QEMU={name}: there is no such program" if named else
                          f"{name} is not installed: see tools/install-deps")
    return name


def command(config: Config, saving: bool = False,
            watched: bool = False) -> list[str]:
    """The exact command, to be run inside the directory of the run.

    saving: boot up to the point where the state is saved.
    watched: pause instead of ending, so that the state of a crashed machine can
    be read over QMP.
    """
    start = SAVING if saving else RESTORING if config.restored else []
    words = [
        program(),
        "-machine", ",".join([
            f"{config.board},memory-backend=ram", *filter(None, [
            "keyboard" in config.without and "i8042=off", config.machine])]),
        "-m", str(config.ram_mib),
        "-object", "memory-backend-ram,id=ram,reserve=off,"
                   f"size={config.ram_mib}M",
        *(["-cpu", config.cpu] if config.cpu else []),
        *(["-smp", str(config.cpus)] if config.cpus > 1 else []),
        "-nodefaults", "-no-user-config", "-net", "none",
        "-display", config.screen or "none",
        "-no-reboot", *(["-action", "shutdown=pause"] if watched else []),
        "-rtc", "base=2013-03-01T22:32:47,clock=vm",
        "-device", f"isa-debug-exit,iobase={DEBUG_EXIT_PORT:#x},iosize=4",
        "-d", "cpu_reset", "-D", "qemu.log",
        "-qmp", "unix:qmp.sock,server=on,wait=off",
        "-gdb", "unix:gdb.sock,server=on,wait=off",
        *ACCEL[config.accel],
        *(["-device", "VGA"] if config.screen else []),
        *(COM2 if "serial" in config.without else SERIAL[config.serial]),
        *config.firmware_words,
        *MEDIUM[config.medium],
        *(["-append", config.words] if config.medium == "stub" else []),
        *shlex.split(config.args),
        *start,
        *(["-S"] if config.paused else []),
    ]
    return tape.taped(words, config.tape) if config.tape else words


def script(config: Config) -> str:
    """qemu.cmd: a shell script that runs the same machine again."""
    lines = [""]
    for word in command(config):
        if word.startswith("-"):
            lines.append("   ")
        lines[-1] += " " + shlex.quote(word)
    flash = "$(dirname $(readlink state))/vars.fd" if config.restored else \
        shlex.quote(config.vars)
    fresh = f"cp {flash} vars.fd\n" if config.has_flash else ""
    body = " \\\n".join(lines)
    return f'#!/bin/sh -e\ncd "$(dirname "$0")"\n{fresh}exec{body}\n'
