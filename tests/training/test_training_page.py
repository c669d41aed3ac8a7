"""The scripts of docs/training.md."""

import json
import os
import pathlib
import re
import subprocess

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "training.md"
# In place of Slurm and of our program, which here prints the cluster that it would join.
STAND_INS = """
SLURM_JOB_NODELIST=node[1-2]
scontrol() { printf 'node1\\nnode2\\n'; }
srun() {
    [[ $1 == --* ]] && shift
    for task in 0 1; do SLURM_PROCID=$task "$@"; done
}
"""


def test_slurm_script_tells_every_task_who_it_is(tmp_path):
    script = re.search(r"```sh\n(#!/usr/bin/env bash.*?)```", PAGE.read_text(), re.DOTALL)[1]
    program = tmp_path / "keras-inception"
    program.write_text('#!/usr/bin/env bash\necho "$TF_CONFIG"\n')
    program.chmod(0o755)
    ran = subprocess.run(
        ["bash", "-euc", STAND_INS + script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    first, second = map(json.loads, ran.stdout.splitlines())
    assert first["cluster"] == second["cluster"] == {"worker": ["node1:2222", "node2:2222"]}
    assert first["task"] == {"type": "worker", "index": 0}
    assert second["task"] == {"type": "worker", "index": 1}
