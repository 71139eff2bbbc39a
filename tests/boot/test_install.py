"""Packages for each purpose, and what happens if they cannot be installed.

Each machine here is a folder of fake programs, the only one on PATH: programs
that it lacks are not installed.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness import paths

TOOLS = paths.ROOT / "tools"
BASE = """apt-cache awk basename cat cp cut dirname dpkg-deb echo env find grep
    head id ls mkdir mv printf readelf realpath rm sed sh sort tail tar xz
    zstd gzip""".split()


class Host:
    """A folder of programs, and a way to run a command that finds no others."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir()
        for name in BASE:
            if found := shutil.which(name):
                (folder / name).symlink_to(found)

    def program(self, name: str, body: str) -> None:
        path = self.folder / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def run(self, *words, **variables) -> subprocess.CompletedProcess:
        return subprocess.run(
            [str(word) for word in words], cwd=paths.ROOT, text=True,
            env={"PATH": str(self.folder), **variables},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@pytest.fixture
def host(tmp_path) -> Host:
    return Host(tmp_path / "host")


def wanted(host: Host, *purposes: str, **variables) -> set[str]:
    """The packages that would be installed."""
    done = host.run(TOOLS / "install-deps", "--check", *purposes, **variables)
    line = done.stdout.rpartition("--no-install-recommends ")[2]
    assert done.returncode == (1 if line else 0), done.stdout
    return set(line.split())


def test_running_needs_only_what_running_needs(host):
    needed = wanted(host, "build", "run")
    assert {"gcc", "nasm", "qemu-system-x86", "mtools"} <= needed
    assert not needed & {"cloc", "clang", "clang-format", "libcmocka-dev",
                         "gcovr", "gdb", "ovmf-ia32", "python3-pytest",
                         "xorriso"}
    assert wanted(host) > needed | {"cloc", "clang-format", "gdb"}


def test_a_browser_is_installed_only_on_request(host):
    """Without one its tests are skipped, so it is not missing."""
    browser = {"chromium", "chromium-driver", "python3-selenium"}
    assert wanted(host, "browser") & browser
    assert not wanted(host) & browser


def test_headers_of_the_host_are_of_packages_to_build_with():
    """The kernel includes a few: each is in a package of a `build` row."""
    rows = [line.split() for line in
            (TOOLS / "install-deps").read_text().splitlines()]
    packages = {row[-1] for row in rows if row and row[0] == "build"}
    included = subprocess.check_output(
        ["grep", "-rhoE", "^#include <[^>]+", "boot", "mm", "efi", "kexec",
         "kernel", "lib"], cwd=paths.ROOT, text=True).split("\n")
    names = {line.partition("<")[2] for line in included if line}
    found = [path for name in sorted(names) for path in (
        Path("/usr/include/x86_64-linux-gnu") / name,
        Path("/usr/include") / name) if path.exists()]
    assert {"elf.h", "bootparam.h"} <= {path.name for path in found}
    owners = subprocess.check_output(["dpkg", "-S", *found], text=True)
    assert {line.partition(":")[0] for line in owners.splitlines()} <= packages


@pytest.mark.parametrize("tool, purposes", [
    ("demo", "run"), ("run", "run"), ("relay", "run"), ("crash_demo", "run"),
    ("bench", "run"), ("media", "iso"), ("fuzz", "fuzz")])
def test_a_tool_imports_only_what_it_has_installed(tmp_path, tool, purposes):
    """Modules that other purposes install are missing."""
    for line in (TOOLS / "install-deps").read_text().splitlines():
        row = line.split()
        if row[1:2] == ["module"] and purposes not in row[0].split(","):
            (tmp_path / f"{row[2]}.py").write_text("raise ImportError\n")
    assert any(tmp_path.iterdir())
    done = subprocess.run([TOOLS / tool, "--help"], text=True,
                          env={**os.environ, "PYTHONPATH": str(tmp_path)},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout


def test_the_compiler_that_is_chosen_is_the_one_that_is_missing(host):
    assert {"clang-19", "lld-19"} <= wanted(
        host, "build", CC="clang-19", LD="ld.lld-19")
    host.program("clang-19", "true")
    needed = wanted(host, "build", CC="clang-19", LD="ld.lld")
    assert "lld" in needed and not needed & {"clang-19", "gcc"}


def test_without_root_or_sudo_the_line_is_for_an_administrator(host):
    host.program("id", "echo 1000")
    host.program("apt-get", "echo must not be called; exit 9")
    done = host.run(TOOLS / "install-deps", "iso")
    assert done.returncode == 1
    assert "neither root nor sudo" in done.stdout
    assert "apt-get install --no-install-recommends" in done.stdout
    line = done.stdout.rpartition("recommends ")[2].split()
    assert "xorriso" in line and not {"gcc", "qemu-system-x86"} & set(line)


def test_a_sudo_that_refuses(host):
    host.program("id", "echo 1000")
    host.program("apt-get", "exit 0")
    host.program("sudo", "echo no; exit 1")
    done = host.run(TOOLS / "install-deps", "iso")
    assert done.returncode == 1 and "administrator" in done.stdout


def test_every_target_that_installs_has_a_purpose():
    """And tools/install-deps knows each purpose."""
    makefile = (paths.ROOT / "Makefile").read_text()
    rows = dict(line.removeprefix("NEEDS_").replace(" ", "").split(":=")
                for line in makefile.splitlines()
                if line.startswith("NEEDS_"))
    targets = [line.split(":")[0] for line in makefile.splitlines()
               if ": deps" in line and "##" in line]
    assert set(targets) == set(rows)


def test_a_build_without_its_tools_names_their_package():
    done = subprocess.run(["make", "all", "CC=gcc-0"], cwd=paths.ROOT,
                          text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode != 0
    assert "apt-get install --no-install-recommends gcc-0" in done.stdout


# A small distribution: packages made here, and an apt that knows them.

PACKAGES = {
    "linux-image-virtual": ("linux-image-9.9-demo", {}),
    "linux-image-9.9-demo": ("linux-modules-9.9-demo", {
        "boot/vmlinuz-9.9-demo": "a kernel"}),
    "busybox-static": ("", {"usr/bin/busybox": "busybox"}),
    "kexec-tools": ("libdemo7t64 debconf", {"usr/sbin/kexec": Path("/bin/ls")}),
    "efivar": ("libdemo7t64", {"usr/bin/efivar": Path("/bin/ls")}),
}
MODULES = "usr/lib/modules/9.9-demo"
UNPACKED = {"xz": "xz -c", "zst": "zstd -q -c", "gz": "gzip -c"}


def libraries_of(program: str) -> dict[str, Path]:
    """The libraries of a program of this machine, with their paths in a
    package for a merged /usr."""
    words = subprocess.check_output(["ldd", program], text=True).split()
    found = [Path(word) for word in words if word.startswith("/")]
    return {f"usr/lib/x86_64-linux-gnu/{path.name}": path for path in found}


def distribution(host: Host, folder: Path, form: str) -> None:
    """Modules in this form; those without a file are built in."""
    pack = UNPACKED[form]
    packages = dict(PACKAGES)
    packages["libdemo7t64"] = ("libc6", libraries_of("/bin/ls"))
    packages["libc6"] = ("", {})
    files = {f"{MODULES}/modules.builtin": "".join(
        f"kernel/drivers/virtio/{name}.ko\n" for name in (
            "virtio", "virtio_ring", "virtio_pci", "virtio_blk",
            "virtio_pci_legacy_dev", "virtio_pci_modern_dev"))}
    for name in ("efivarfs", "efi-pstore"):
        content = subprocess.run(pack.split(), input=name.encode(), check=True,
                                 stdout=subprocess.PIPE).stdout
        files[f"{MODULES}/kernel/fs/{name}.ko.{form}"] = content
    packages["linux-modules-9.9-demo"] = ("", files)
    for name, (depends, content) in packages.items():
        make_package(folder, name, content)
        lines = "".join(f"  Depends: {word}\n" for word in depends.split())
        (folder / f"{name}.depends").write_text(f"{name}\n{lines}")
    host.program("apt-cache", f'cat "{folder}/$3.depends"')
    host.program("apt-get", "for name; do\n"
                 f'[ ! -e "{folder}/$name.deb" ] || cp "{folder}/$name.deb" .\n'
                 "done")


def make_package(folder: Path, name: str, content: dict) -> None:
    root = folder / name
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: all\n"
        "Maintainer: nobody <nobody@example.org>\nDescription: demo\n")
    for path, what in content.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        data = what.read_bytes() if isinstance(what, Path) else what
        file.write_bytes(data if isinstance(data, bytes) else data.encode())
    subprocess.run(["dpkg-deb", "-Znone", "-b", root, folder / f"{name}.deb"],
                   check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("form", UNPACKED)
def test_linux_of_another_release(host, tmp_path, form):
    """Merged /usr, renamed libraries, compressed modules, virtio built in."""
    distribution(host, tmp_path / "packages", form)
    folder = tmp_path / "with a blank" / "linux"
    done = host.run(TOOLS / "linux", folder)
    assert done.returncode == 0, done.stdout
    files = {str(path.relative_to(folder)) for path in folder.rglob("*")
             if path.is_file()}
    assert {"vmlinuz", "init", "bin/kexec", "efivarfs.ko",
            "lib64/ld-linux-x86-64.so.2"} <= files
    assert "virtio.ko" not in files
    assert (folder / "efi-pstore.ko").read_text() == "efi-pstore"
    assert {Path(name).name for name in libraries_of("/bin/ls")} <= {
        Path(name).name for name in files}


@pytest.mark.parametrize("body, why", [
    ("echo 'E: Unable to fetch some archives' >&2; exit 100",
     "Unable to fetch some archives"),
    (None, "there is no apt-get"),
])
def test_why_there_is_no_linux(host, tmp_path, body, why):
    if body:
        distribution(host, tmp_path / "packages", "xz")
        host.program("apt-get", body)
    folder = tmp_path / "linux"
    done = host.run(TOOLS / "linux", folder)
    assert done.returncode == 1 and not folder.exists()
    assert why in Path(f"{folder}.missing").read_text()


def test_what_needs_linux_is_skipped_with_the_reason(tmp_path, monkeypatch,
                                                     request):
    import conftest
    monkeypatch.setattr(paths, "LINUX_BUNDLE", tmp_path / "linux.cpio")
    monkeypatch.setattr(paths, "LINUX_MISSING", tmp_path / "linux.missing")
    (tmp_path / "linux.missing").write_text("no network\n")
    with pytest.raises(pytest.skip.Exception, match="no network"):
        conftest.check_linux(paths.LINUX_BUNDLE)
    boot = request.getfixturevalue("boot")
    with pytest.raises(pytest.skip.Exception, match="no network"):
        boot("generations=1 next=vmlinuz", bundle=paths.LINUX_BUNDLE)
    conftest.check_linux(paths.BUNDLE)
