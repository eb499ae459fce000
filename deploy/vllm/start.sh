#!/bin/sh
# Start vLLM as a worker of Quorum: `deploy/vllm/start.sh MODEL [more of vLLM's flags]`.
#
# It listens on 127.0.0.1:8000. A flag given later wins, so that any of these can be overridden:
# - prefix caching: the candidates of a request share one prefill, and a chain's next round the earlier one's;
# - prompt token details: how much of the prompt came from that cache, which is priced apart;
# - a shutdown time-out: without it a stopped worker leaves its open requests hanging for ever;
# - load tracking: what is running and waiting, which balancing goes by.
set -eu

if [ $# -eq 0 ]; then
    echo "usage: $0 MODEL [more of vLLM's flags]" >&2
    exit 2
fi
model=$1
shift

exec python3 -m vllm.entrypoints.openai.api_server \
    --model "$model" \
    --host 127.0.0.1 \
    --port 8000 \
    --enable-prefix-caching \
    --enable-prompt-tokens-details \
    --enable-server-load-tracking \
    --shutdown-timeout 30 \
    "$@"
