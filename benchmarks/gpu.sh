#!/usr/bin/env bash
# Check, time and train the baseline on the CUDA GPU of this machine:
#
#   benchmarks/gpu.sh OUT [--train-seconds 120] [--data DIR] [--skip "check speed"] [--tiny]
#
# check    compares the device with float64 on the CPU, for each generator: OUT/check.json
# graphs   compares training steps as CUDA graphs with steps without: OUT/graphs.json
# speed    images per second in training and inference: OUT/speed.md, OUT/speed.json
# render   renders sub_en and sub_zh, 100,000 training pairs each, into DIR (default: OUT/data)
# train    trains the full DB-RAM on both sets for about --train-seconds, and scores it on both test splits:
#          OUT/train.log, OUT/log.jsonl.gz, OUT/scores-*.json, OUT/full*.safetensors (fp16)
#
# --tiny runs all steps at a size for a CPU, to try the script. The exit code is 1 if a check or a step fails; later
# steps still run. `benchmarks/ablations.py` trains the ablations on the rendered sets.
set -uo pipefail
folder=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python}
out="" data="" seconds=120 skip="" tiny="" n=100000 n_test=2000
while [ $# -gt 0 ]; do
    case $1 in
        --train-seconds) seconds=$2; shift 2 ;;
        --data) data=$2; shift 2 ;;
        --skip) skip=$2; shift 2 ;;
        --tiny) tiny=--tiny n=300 n_test=20; shift ;;
        -*) echo "gpu.sh: unknown option $1" >&2; exit 2 ;;
        *) out=$1; shift ;;
    esac
done
[ -n "$out" ] || { sed -n '2,15s/^# \{0,1\}//p' "$0" >&2; exit 2; }
mkdir -p "$out"
data=${data:-$out/data}
export PYTHONPATH=$(dirname "$folder")${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
export HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1  # all data is local
failed=0

step() {
    local name=$1 start=$SECONDS
    shift
    case " $skip " in *" $name "*) return ;; esac
    echo "== $name"
    "$@" || { failed=1; echo "== $name failed with exit code $?"; }
    echo "== $name took $((SECONDS - start)) s"
}

render() {
    local lang
    for lang in en zh; do
        "$python" -m subsynth render --lang $lang --n $n --n-test $n_test --out "$data/sub_$lang" || return
    done
}

mkdir -p "$data"
step check "$python" "$folder/gpu.py" check --out "$out" $tiny
step graphs "$python" "$folder/gpu.py" graphs --out "$out" $tiny
step speed "$python" "$folder/gpu.py" speed --out "$out" $tiny
step render render
step train "$python" "$folder/gpu.py" train --out "$out" --data "$data" --seconds "$seconds" $tiny
exit $failed
