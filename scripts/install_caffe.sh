#!/usr/bin/env bash
# Real Caffe 1.0 (CPU) without root, beside everything else: bash scripts/install_caffe.sh [PREFIX]
#
# Debian 11 is the last release that has Caffe. Its packages are unpacked into PREFIX/root;
# PREFIX/bin holds wrappers that run them with their own loader and libraries. An installation
# that is interrupted leaves PREFIX as it was.
set -euo pipefail

die() { echo "install_caffe.sh: error: $*" >&2; exit 1; }

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/debian.sh"
suite=bullseye
layout=4 # raise it when the wrappers below change
debian_begin Caffe "${1:-$here/../.caffe}" "$suite $layout"

echo "Downloading Caffe and what it needs (about 160 MB) ..."
debian_download "$suite" "$aside/packages" caffe libopenblas0-pthread python3-caffe || die "$fault"
echo "Unpacking (about 650 MB) ..."
debian_unpack "$aside/packages" "$aside/root" || die "$fault"
rm -rf "$aside/packages"

cat >"$aside/bin/run" <<'WRAPPER'
#!/usr/bin/env bash
# Runs the program under whose name it is called, with the libraries of ../root.
link=$0
while target=$(readlink "$link") && [ "${target##*/}" != run ]; do
    case $target in /*) link=$target ;; *) link=$(dirname "$link")/$target ;; esac
done
name=${link##*/}
bin=$(readlink -f "$0")
root=${bin%/bin/run}/root
lib=lib/x86_64-linux-gnu
export OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-$(nproc)}
# Without this, glog also writes log files into /tmp; standard error gets the same lines.
export GLOG_logtostderr=${GLOG_logtostderr:-1}
program=$root/usr/bin/$name
[ "$name" != caffe-python ] || program=$root/usr/bin/python3.9
case $name in
    caffe | caffe-python) # caffe runs layers written in Python
        export PYTHONHOME=$root/usr
        export PYTHONPATH=$root/usr/lib/python3/dist-packages${PYTHONPATH:+:$PYTHONPATH}
        ;;
esac
exec "$root/$lib/ld-2.31.so" --library-path \
    "$root/usr/lib:$root/usr/$lib:$root/$lib:$root/usr/$lib/openblas-pthread:$root/usr/$lib/hdf5/serial" \
    "$program" "$@"
WRAPPER
chmod 755 "$aside" "$aside/bin/run"
for name in caffe caffe-python convert_mnist_data convert_imageset compute_image_mean \
    extract_features upgrade_net_proto_text upgrade_net_proto_binary upgrade_solver_proto_text; do
    ln -s run "$aside/bin/$name"
done
"$aside/bin/caffe" --version >/dev/null 2>&1 || die "the unpacked Caffe does not run here"
"$aside/bin/caffe-python" -c 'import caffe' 2>/dev/null || die "the unpacked pycaffe does not import"
debian_end
