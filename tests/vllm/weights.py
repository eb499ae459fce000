"""Turn a GGUF file into weights that vLLM loads: `python weights.py FILE.gguf FOLDER`.

It runs in vLLM's environment, by install.sh. `FOLDER/generate` becomes the model itself: the quantised weights are
widened to bfloat16 in a fresh model of the same configuration, since transformers refuses to save a model that it
loaded from a GGUF file. `FOLDER/reward` becomes a reward model on the same trunk, whose head is random from a fixed
seed: its scores mean nothing, but differ from text to text.
"""

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer


def convert(gguf: Path, folder: Path) -> None:
    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    loaded = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    config = loaded.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    generate = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    generate.load_state_dict(loaded.state_dict())
    generate.save_pretrained(folder / "generate")
    torch.manual_seed(0)
    config.num_labels = 1
    config.pad_token_id = config.eos_token_id
    reward = AutoModelForSequenceClassification.from_config(config, dtype=torch.bfloat16)
    reward.base_model.load_state_dict(loaded.base_model.state_dict())
    torch.nn.init.normal_(reward.score.weight, std=0.01)
    reward.save_pretrained(folder / "reward")
    tokenizer = AutoTokenizer.from_pretrained(**source)
    for kind in ("generate", "reward"):
        tokenizer.save_pretrained(folder / kind)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
