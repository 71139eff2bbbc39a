# Every change of mode on every firmware (tests/boot/test_matrix.py): a job for
# each firmware and first mode. Values: --config firmwares=pflash,smm
# modes=fixed,physical out=FOLDER.
import sys

sys.path.insert(0, "tests")
from harness.chain import EXPECTED, FIRMWARES

OUT = config.get("out", "build/workflows/matrix")
firmwares = config.get("firmwares", ",".join(FIRMWARES)).split(",")
modes = config.get("modes", ",".join(EXPECTED)).split(",")
REPORTS = expand(OUT + "/{firmware}-{mode}.xml", firmware=firmwares, mode=modes)


rule overview:
    input: REPORTS
    output: OUT + "/index.html", OUT + "/junit.xml", OUT + "/results.json"
    shell: "workflows/merge " + OUT + " {input}"


rule job:
    output: OUT + "/{firmware}-{mode}.xml"
    retries: 2
    shell:
        "workflows/job {output} -m '' tests/boot/test_matrix.py "
        "-k 'test_step and {wildcards.firmware}-{wildcards.mode}-'"


localrules: overview
