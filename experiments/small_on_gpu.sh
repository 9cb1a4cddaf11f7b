#!/bin/sh
# The paper's size on one GPU: pre-trains the `small` teacher over procedural shapes and the train shapes of three real
# sets, runs sweeps/real.yaml, supertokens.yaml and gate.yaml with it, and writes one report.
#   sh experiments/small_on_gpu.sh ARCHIVES OUT
# ARCHIVES holds psb_shrec12.npz, sweethome3d.npz and lpsb_parts.npz; OUT gets teacher/, the sweeps and report/, whose
# records come along. Called again it goes on where it was. It has run on a CPU only, with the variables below made small.
set -eu
archives=$1 out=$2
here=$(dirname "$0")/..
recipe=${RECIPE:-$here/experiments/pretrain/point_jepa_small_real.yaml} # what is pre-trained
preset=${PRESET:-small}                                                 # of that size
device=${DEVICE:-cuda}
trials=${TRIALS:-4} # that share the GPU
shapes=${SHAPES:---set data.unlabelled=14336}
# Views drawn anew: students of a sweep then learn side by side and ask the teacher once.
training=${TRAINING:---set train.views.count=online --set train.distill.epochs=12 --set train.distill.batch=256
 --set train.distill.precision=bfloat16 --set train.finetune.precision=bfloat16}
foundry_bench() { "${PYTHON:-python}" -m foundry_bench "$@"; }

mkdir -p "$out"
export FOUNDRY_BENCH_ARCHIVES="$archives"
foundry_bench teacher pretrain "$recipe" --device "$device" --out "$out/teacher" >"$out/teacher.txt"
cat "$out/teacher.txt"
weights=$(sed -n 's/^weights: //p' "$out/teacher.txt")
share=$([ "$device" = cuda ] && echo "--set resources.gpu=$trials" || echo "--set resources.concurrent=$trials")
# shellcheck disable=SC2086 # several words each
sweep() { # NAME [OPTION ...]: that sweep with the new teacher
    name=$1
    shift
    foundry_bench sweep "$here/sweeps/$name.yaml" --out "$out/$name" --store "$out/store" --set "teacher.preset=$preset" \
        --set "teacher.weights=$weights" --set "resources.device=$device" $share $training "$@"
}
sweep real --set "data.path=$archives/psb_shrec12.npz"
# shellcheck disable=SC2086
sweep supertokens $shapes
# shellcheck disable=SC2086
sweep gate $shapes
foundry_bench report "$out/supertokens" "$out/gate" "$out/real" --out "$out/report" --with-records
