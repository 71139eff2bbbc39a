"""Machines that continue from a saved state are equivalent to booted ones."""

import os
from dataclasses import replace

import pytest

from harness import flash, media, paths, qemu, saved
from harness.chain import Chain

WORDS = "efi=fixed generations=2 end=shutdown"


def outline(run) -> list:
    """The events of a run, without numbers that depend on the time of boot."""
    keep = ("type", "pa", "va", "mode", "svam", "svc", "status", "verdict")
    return [(event.name, {key: event.get(key) for key in keep})
            for event in run.events]


def test_a_restored_machine_is_like_a_booted_one(boot):
    runs = []
    for medium in ("saved", "disk"):
        with boot(WORDS, medium=medium) as machine:
            runs.append(machine.finish())
    assert outline(runs[0]) == outline(runs[1])
    assert runs[0].end == runs[1].end


def test_two_machines_from_one_state_are_independent(boot):
    with boot(WORDS) as one, boot(WORDS) as other:
        runs = [one.finish(), other.finish()]
    assert [Chain(run).counted() for run in runs] == [2, 2]
    kept = saved.ready(runs[0].config) / saved.FLASH
    assert flash.generation(kept.read_bytes()) is None


def test_the_recipe_lists_all_inputs():
    recipe = saved.ingredients(qemu.Config(medium="saved"))
    loader = saved.local(str(media.loader()))
    for name in (qemu.CODE, qemu.VARS, loader, "QEMU emulator"):
        assert name in recipe
    assert saved.digest(qemu.CODE) in recipe


def test_another_machine_is_another_state_but_another_kernel_is_not():
    usual = qemu.Config(medium="saved")
    states = {saved.ready(config) for config in (
        usual, replace(usual, cmdline="efi=off"), replace(usual, paused=True))}
    assert len(states) == 1
    recipes = {saved.ingredients(config) for config in (
        usual, replace(usual, ram_mib=1024), replace(usual, cpu="max"),
        replace(usual, firmware="smm"))}
    assert len(recipes) == 4


def test_the_recipe_is_the_same_in_every_checkout():
    assert str(paths.ROOT) not in saved.ingredients(qemu.Config(medium="saved"))


def test_only_unused_states_are_removed(tmp_path):
    old, young = (tmp_path / f"pflash-{digit * 12}" for digit in "01")
    for home in (old, young):
        home.mkdir()
    os.utime(old, (0, 0))
    saved.remove_unused(tmp_path, "pflash-*")
    assert [home.exists() for home in (old, young)] == [False, True]


def test_only_the_record_in_the_state_is_changed(tmp_path):
    note = saved.SECTION + bytes(8) + saved.PAUSED + bytes(3)
    state = tmp_path / "state"
    state.write_bytes(saved.PAUSED + note + saved.PAUSED)
    saved.let_it_run(state)
    changed = note.replace(saved.PAUSED, b"running" + bytes(7))
    assert state.read_bytes() == saved.PAUSED + changed + saved.PAUSED
    state.write_bytes(saved.PAUSED + bytes(300) + saved.SECTION)
    with pytest.raises(RuntimeError, match="guest-panicked"):
        saved.let_it_run(state)
