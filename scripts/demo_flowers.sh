#!/usr/bin/env bash
# The flowers' story on the CPU, from nothing: bash scripts/demo_flowers.sh
#
# Makes .venv, draws pictures of five kinds of flowers, turns them into two datasets, trains
# ResNet-50 on the one, fine-tunes it on the other with a folder as the store, and asks the
# trained model about a picture that it has not seen. All in demo/flowers/; what is there is
# used again. The pictures are made small (64 x 64), so that a CPU is enough.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup.sh engine,images
python=$PWD/.venv/bin/python
here=demo/flowers
first=${FLOWERS_FIRST:-160} second=${FLOWERS_SECOND:-100} count=${FLOWERS_COUNT:-1200}

for half in 1 2; do
    [ -e $here/pictures$half ] ||
        "$python" -m caffe_mnist.convert flowers $here/pictures$half --count "$count" --size 160 --seed $half
    [ -e $here/data$half/dataset.json ] ||
        "$python" -m caffe_mnist.convert images $here/pictures$half $here/data$half \
            --resize-height 72 --resize-width 72 --shuffle --val 0.2
done
# ResNet-50's own net asks for its databases by the names of its own dataset.
for set in train val; do ln -sfn ${set}_lmdb $here/data1/ilsvrc12_${set}_lmdb; done

# NAME HALF ITERATIONS ARGUMENTS...: one training, with the data and the net made smaller
train() {
    local name=$1 half=$2 iterations=$3
    shift 3
    if [ -e "$here/$name/store/final/manifest.json" ]; then
        echo "$name: trained before; remove $here/$name to train anew"
        return
    fi
    "$python" -m caffe_mnist.train --data-local-path $here/data"$half" \
        --train-url "$here/$name/store" --model-local-path "$here/$name/model" --resume \
        --caffe embedded --set max_iter="$iterations" --set test_interval=$((iterations / 3)) \
        --set test_iter=$((count / 5 / 16)) --set test_initialization=false --set display=10 \
        --set type=Adam --set momentum2=0.999 --set delta=1e-8 \
        --set snapshot="$iterations" --set iter_size=1 --set random_seed=1 --set lr_policy=poly --set power=1 \
        --set 'layer[data].transform_param.crop_size=64' \
        --set 'layer[data].data_param.batch_size=16' --keep 1 "$@"
}

train pretrained 1 "$first" --solver prototxt/resnet50/resnet50_solver.prototxt --set base_lr=0.001
train finetuned 2 "$second" --solver prototxt/flowers/flowers_solver.prototxt --set base_lr=0.0003 \
    --weights "$(echo $here/pretrained/store/final/*.caffemodel)"

"$python" - $here <<'REPORT'
import json, pathlib, sys

here = pathlib.Path(sys.argv[1])
print()
for name in ("pretrained", "finetuned"):
    record = json.loads((here / name / "store/final/run.json").read_text())
    accuracy = next(v for k, v in record["results"].items() if k.endswith("accuracy"))
    seconds = record["timings"].get("train", 0)
    print(f"{name}: {accuracy:.3f} of its test pictures right after {seconds:.0f} s of training")
REPORT

# Pictures of a third seed: neither training has seen them.
[ -e $here/unseen ] || "$python" -m caffe_mnist.convert flowers $here/unseen --count 10 --size 320 --seed 3
for n in 1 2 3 4 5; do
    echo "This is one of: $(cat $here/unseen/0000$n.txt)"
    "$python" -m caffe_mnist.predict $here/finetuned/store/final $here/unseen/0000$n.jpg
done
echo "The page: $python -m caffe_mnist.serve $here/finetuned/store/final"
