#!/usr/bin/env bash
# The whole story on real data, from nothing: bash scripts/demo.sh
#
# Makes .venv, finds MNIST (MNIST_DIR, ../shared/mnist, or downloaded with checksums; without
# any, generated digits), trains LeNet with a folder as the store, and asks the trained model
# about a picture. All in demo/; what is there is used again.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup.sh engine,images
python=$PWD/.venv/bin/python

is_mnist() { for file in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
    [ -e "$1/$file-ubyte" ] || [ -e "$1/$file-ubyte.gz" ] || return 1
done; }

name=mnist
if [ -n "${MNIST_DIR:-}" ]; then
    data=$MNIST_DIR
elif is_mnist ../shared/mnist; then
    data=../shared/mnist
elif is_mnist .cache/mnist || "$python" -m caffe_mnist.storage.mirrors .cache/mnist; then
    data=.cache/mnist
else
    echo "MNIST cannot be had here (no network?): using generated digits, which are not MNIST"
    name=digits data=demo/digits/generated
    is_mnist $data || "$python" -m caffe_mnist.convert digits $data --train 20000 --test 10000
fi

here=demo/$name store=demo/$name/store
if [ -e $store/final/manifest.json ]; then
    echo "Trained before; remove $here to train anew"
else
    "$python" -m caffe_mnist.train --data-url "$data" --train-url $store --snapshot auto \
        --solver prototxt/lenet/lenet_solver.prototxt --caffe embedded \
        --data-local-path $here/data --model-local-path $here/model \
        --set max_iter=5000 --set test_interval=1000 --set snapshot=1000 --upload-every 5
fi

"$python" - "$store" "$here" <<'REPORT'
import json, pathlib, sys

from PIL import Image

from caffe_mnist.datasets.database import Database
from caffe_mnist.datasets.datum import decode

store, here = map(pathlib.Path, sys.argv[1:])
results = json.loads((store / "final/run.json").read_text())["results"]
print(f"\nAccuracy on the test images: {results['test0_accuracy']:.4f}")
print(f"\nIn the store ({store}):")
for path in sorted(path for path in store.rglob("*") if path.is_file()):
    print(f"  {path.stat().st_size:>10,} {path.relative_to(store)}")
with Database(here / "data/mnist_test_lmdb") as test:
    key, value = next(iter(test.records()))
    datum = decode(value, key, here)
    size = (datum.width, datum.height)
    Image.frombytes("L", size, bytes(datum.pixels)).save(here / "picture.png")
    print(f"\nThe first test image, {here / 'picture.png'}, is a {datum.label}:")
REPORT
exec "$python" -m caffe_mnist.predict $store/final $here/picture.png
