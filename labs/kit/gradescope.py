"""An autograder for Gradescope: a zip with this checkout, and the two scripts
that Gradescope's documentation ("Autograder Specifications") asks for.

setup.sh runs once, as root, when the image of the container is made;
run_autograder for each submission. A container does not let us make namespaces,
so what is compiled and run has the rights of the user nobody, who cannot read
/autograder/source: the solution and the course's key are there.

The scripts find everything from where they are, so the tests run them in a
folder of their own.
"""

import subprocess
import zipfile
from pathlib import Path

SETUP = """#!/bin/bash
# Runs once, as root: installs packages, builds the kernel, and boots the
# machines from which each submission's machine continues.
set -eu
cd "$(dirname "$(readlink -f "$0")")"
command -v git make >/dev/null || {
    apt-get update -q
    apt-get install -qy git make
}
mkdir -p baton ../saved ../results
tar xf baton.tar -C baton
cd baton
git init -q
git add -A
git -c user.name=Baton -c user.email=baton@localhost commit -qm 'as packed'
tools/install-deps build run
make -s all
# A first submission, which is empty: what can be made in advance is made.
mkdir -p ../../nothing
BATON_SAVED=$(realpath ../../saved) LAB_KEY=$(cat ../key) tools/lab grade {lab} \\
    --of ../../nothing --name nobody --user nobody --form text
chown -R nobody ../../saved
chmod 700 ..
"""

RUN = """#!/bin/bash
# Runs as root for each submission. The student's name is the e-mail address.
set -eu
home=$(dirname "$(readlink -f "$0")")
cd "$home/source/baton"
name=$(/usr/bin/python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["users"][0]["email"])' \\
    "$home/submission_metadata.json")
of=$home/submission
[ ! -f "$of/submission.tar.gz" ] || of=$of/submission.tar.gz
BATON_SAVED=$home/saved LAB_KEY=$(cat ../key) exec tools/lab grade {lab} \\
    --of "$of" --name "$name" --user nobody --form gradescope \\
    --out "$home/results/results.json"
"""


def pack(root: Path, lab: str, key: str, target: Path) -> None:
    """Write autograder.zip: the last commit of `root`, and a course's key."""
    tree = subprocess.run(["git", "archive", "HEAD"], cwd=root, check=True,
                          capture_output=True).stdout
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in (
                ("setup.sh", SETUP.replace("{lab}", lab), 0o755),
                ("run_autograder", RUN.replace("{lab}", lab), 0o755),
                ("key", key, 0o600), ("baton.tar", tree, 0o600)):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
