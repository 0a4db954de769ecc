"""What `accelerate launch` makes of the paper scale's launch line, by accelerate's own parser."""

import os
import shlex
from pathlib import Path
from unittest.mock import patch

import pytest

from raw2fig.config import load

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("processes", [1, 3])
def test_the_paper_s_launch_line_is_fsdp2_in_bfloat16(monkeypatch: pytest.MonkeyPatch, processes: int) -> None:
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser
    from accelerate.utils import FullyShardedDataParallelPlugin
    from accelerate.utils.launch import prepare_multi_gpu_env

    monkeypatch.chdir(ROOT)
    launch = load([Path("config/config.yaml"), Path("config/paper.yaml")])["c2s"]["launch"]
    words = shlex.split(launch.replace("{processes}", str(processes)) + " raw2fig c2s sft --steps 3 --lr 1e-5")
    assert words[:2] == ["accelerate", "launch"]
    arguments, _, _ = _validate_launch_command(launch_command_parser().parse_args(words[2:]))
    assert arguments.module
    assert arguments.training_script == "raw2fig"
    assert arguments.training_script_args == ["c2s", "sft", "--steps", "3", "--lr", "1e-5"]
    assert arguments.use_fsdp
    environment = prepare_multi_gpu_env(arguments)
    assert arguments.nproc_per_node == str(processes)
    assert int(arguments.master_port) not in (0, 29500)
    with patch.dict(os.environ, environment):
        plugin = FullyShardedDataParallelPlugin()
    assert environment["ACCELERATE_MIXED_PRECISION"] == "bf16"
    assert plugin.fsdp_version == 2
    assert plugin.reshard_after_forward is True
    assert plugin.state_dict_type.name == "SHARDED_STATE_DICT"
    assert plugin.auto_wrap_policy.__name__ == "transformer_auto_wrap_policy"
    assert not plugin.cpu_ram_efficient_loading
