"""Fixtures of the boot tests: machines, and runs that many tests share.

A run of a mode takes some seconds, and dozens of tests examine it. So it is
made once per session, by the first worker of xdist that needs it.
A test that fails shows the logs of its machines, and the command
that starts each of them again.
"""

import json
import os
import re
import signal
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_timeout

from harness import chain, media, paths, qemu, saved
from harness.dossier import dossier
from harness.machine import End, Machine, Run
from harness.patience import SLOWNESS, Watch
from kit import prove


# A make that a test starts is independent of the one that runs the tests and
# of its command line.
for name in [name for name in os.environ if name.startswith("MAKE")]:
    del os.environ[name]
os.environ.pop("MFLAGS", None)


# Machines continue from a state that was saved before the kernel. A test that
# needs a complete boot uses medium="disk".
USUAL = "saved" if qemu.Config.accel == "tcg" else "disk"


def usual_medium(firmware: str) -> str:
    """U-Boot cannot read the medium of the saved states; it boots in a second."""
    return "disk" if firmware == "uboot" else USUAL


def pytest_configure(config):
    """make test JUNIT=file: checked before the tests, not after them."""
    report = config.option.xmlpath
    try:
        if report:
            Path(report).parent.mkdir(parents=True, exist_ok=True)
            open(report, "a").close()
    except OSError as problem:
        raise pytest.UsageError(
            f"JUNIT={report} cannot be written: {problem.strerror}") from None


def pytest_generate_tests(metafunc):
    """@pytest.mark.modes("fixed", …): once per mode, all tests of a mode in
    one worker."""
    for marker in metafunc.definition.iter_markers("modes"):
        metafunc.parametrize("mode", [
            pytest.param(mode, marks=pytest.mark.xdist_group(mode))
            for mode in marker.args
        ])


@pytest.fixture
def runs(request) -> list[Run]:
    """The runs that this test uses, for the report if it fails."""
    request.node.runs = []
    return request.node.runs


def check_linux(bundle: Path) -> None:
    """Skip the test if it needs a Linux that could not be downloaded."""
    if bundle != paths.LINUX_BUNDLE or bundle.exists():
        return
    why = "make build/linux.cpio has not been run"
    with suppress(FileNotFoundError):
        why = paths.LINUX_MISSING.read_text().strip()
    pytest.skip(f"needs Linux from the distribution: {why}")


@pytest.fixture
def linux_folder() -> Path:
    """The folder with Linux's kernel and initramfs."""
    check_linux(paths.LINUX_BUNDLE)
    return paths.LINUX


@pytest.fixture
def boot(request, runs):
    """Boot a machine of this test's own: `with boot("efi=off") as machine:`."""

    name = re.sub(r"[^A-Za-z0-9.]+", "-", request.node.name).strip("-")
    extras = {"kernel", "bundle", "iso", "flash", "patience", "limit"}

    def start(cmdline: str, **options) -> Machine:
        """`options`: fields of qemu.Config, arguments of Machine()."""
        check_linux(options.get("bundle"))
        more = {key: options.pop(key) for key in extras & options.keys()}
        home = paths.RUNS / f"{name}{len(runs) or ''}"
        medium = usual_medium(options.get("firmware", ""))
        config = qemu.Config(cmdline, **{"medium": medium, **options})
        machine = Machine(home, config, **more)
        runs.append(machine.run)
        return machine

    return start


@pytest.fixture(scope="session")
def iso(testrun_uid):
    """An ISO whose kernels switch off at the end, made once per session."""
    image = paths.MEDIA / f"test-{testrun_uid}.iso"
    with paths.hold(image):
        if not image.exists():
            # Not that of another session, which may be running.
            saved.remove_unused(paths.MEDIA, "test-*.iso")
            media.iso(image, last="end=exit")
    return image


@pytest.fixture
def chain_of(testrun_uid, runs):
    """The run of a mode with three generations, made once per session."""

    def get(mode: str, firmware: str = "pflash") -> chain.Chain:
        name = f"chain-{mode}{'' if firmware == 'pflash' else f'-{firmware}'}"
        config = qemu.Config(chain.cmdline(mode), firmware,
                             usual_medium(firmware))
        run = shared(name, testrun_uid, config)
        runs.append(run)
        return chain.Chain(run)

    return get


@pytest.fixture
def the_chain(mode, chain_of) -> chain.Chain:
    """The run of this test's mode."""
    return chain_of(mode)


@pytest.fixture
def other(tmp_path):
    """A bundle with a Baton that does not say that it is one: it is
    handed what a Linux is."""
    files = {"other": b"Other" + paths.KERNEL.read_bytes()[5:]}
    files["SHA256SUMS"] = media.sums(files)
    bundle = tmp_path / "other.cpio"
    bundle.write_bytes(media.cpio(files))
    return bundle


@pytest.fixture
def run_of(testrun_uid, runs):
    """A run of any machine, identified by a name, made once per session."""

    def get(name: str, cmdline: str, bundle: Path = paths.BUNDLE,
            **options) -> Run:
        check_linux(bundle)
        config = qemu.Config(cmdline, **{"medium": USUAL, **options})
        run = shared(name, testrun_uid, config, bundle)
        runs.append(run)
        return run

    return get


_known: dict[str, Run] = {}


def shared(name: str, session: str, config: qemu.Config,
           bundle: Path = paths.BUNDLE) -> Run:
    """A run that all tests of a session share, in any worker."""
    home = paths.RUNS / name
    if name not in _known:
        with paths.hold(paths.RUNS / f"{name}.session"):
            _known[name] = _load(home, config, session) or _make(
                home, config, session, bundle)
    return _known[name]


def _load(home, config, session) -> Run | None:
    note = home / "session.json"
    if not note.exists():
        return None
    made_by, how, code = json.loads(note.read_text())
    if made_by != session:
        return None
    return Run.load(home, config, End(how, code))


def _make(home, config, session, bundle) -> Run:
    with Machine(home, config, bundle=bundle) as machine:
        run = machine.finish()
    note = json.dumps([session, run.end.how, run.end.code])
    paths.replace(home / "session.json", note.encode())
    return run


def pytest_timeout_set_timer(item, settings):
    """A test's own limit, in the seconds of patience.py.

    Only the main thread gets signals. execnet before 2.1 runs the tests in
    another one, if the main thread is not ready yet: then the plugin's own
    timer ends the whole worker, and counts wall time.
    """
    if threading.current_thread() is not threading.main_thread():
        return pytest_timeout.pytest_timeout_set_timer(
            item, settings._replace(timeout=settings.timeout * SLOWNESS))
    watch = Watch(settings.timeout)

    def ring(*_) -> None:
        if left := watch.left():
            signal.setitimer(signal.ITIMER_REAL, left)
        else:
            pytest.fail(f"not done after {settings.timeout:.0f} s")

    item.cancel_timeout = lambda: signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, ring)
    ring()
    return True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for run in getattr(item, "runs", []):
            report.sections.append((f"machine {run.home.name}", dossier(run)))


def pytest_terminal_summary(terminalreporter):
    """The table of all firmwares, from the property `matrix` of tests."""
    rows = sorted({
        tuple(value) for reports in terminalreporter.stats.values()
        for report in reports if getattr(report, "when", "") == "call"
        for name, value in report.user_properties if name == "matrix"})
    if rows:
        terminalreporter.section("firmware × mode × generation")
    for firmware, mode, *generations, end in rows:
        cells = "".join(f"{cell:12}" for cell in generations)
        terminalreporter.line(f"{firmware:9}{mode:12}{cells}{end}")


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    """bench("3"): the folder in which variants of lab 3 are built."""
    made: dict[str, prove.Bench] = {}

    def get(number: str) -> prove.Bench:
        if number not in made:
            made[number] = prove.Bench(number,
                                       tmp_path_factory.mktemp("labs"))
        return made[number]

    return get
