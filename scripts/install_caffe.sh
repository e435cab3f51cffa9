#!/usr/bin/env bash
# Real Caffe 1.0 (CPU) without root, beside everything else: bash scripts/install_caffe.sh [PREFIX]
#
# Debian 11 is the last release that has Caffe. Its packages are downloaded by an apt with a
# configuration of its own, from the mirror that this machine's apt uses, and unpacked into
# PREFIX/root; PREFIX/bin holds wrappers that run them with their own loader and libraries.
set -euo pipefail

die() { echo "install_caffe.sh: error: $*" >&2; exit 1; }

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
prefix=${1:-$here/.caffe}
suite=bullseye
layout=2 # raise it when the wrappers below change

if [ -e "$prefix/complete" ] && [ "$(cat "$prefix/complete")" = "$suite $layout" ]; then
    echo "Caffe is installed in $prefix"
    exit 0
fi
[ ! -e "$prefix" ] || [ -d "$prefix/root" ] || [ -z "$(ls -A "$prefix")" ] ||
    die "$prefix exists and is no installation of Caffe; name another folder or remove it"

[ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] ||
    die "needs apt and dpkg on an x86-64 Debian (or a system made from it)"
command -v apt-get >/dev/null || die "apt-get is not there"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keyring" ] || die "$keyring is not there (apt-get install debian-archive-keyring)"

mirrors() { # the Debian mirrors of apt's own configuration, both forms of source lists
    apt-get indextargets --format '$(SITE) $(ORIGIN)' 2>/dev/null | awk '$2 == "Debian" { print $1 }'
    cat /etc/apt/sources.list.d/*.sources 2>/dev/null |
        awk 'tolower($1) == "uris:" { for (i = 2; i <= NF; i++) print $i }'
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
        awk '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^[a-z+]+:/) { print $i; break } }'
}

mkdir -p "$(dirname "$prefix")" || die "cannot write $(dirname "$prefix")"
prefix=$(cd "$(dirname "$prefix")" && pwd)/$(basename "$prefix")
aside=$(mktemp -d "$prefix.XXXXXX") || die "cannot write $(dirname "$prefix")"
trap 'rm -rf "$aside"' EXIT
mkdir -p "$aside/apt/state/lists/partial" "$aside/apt/cache/archives/partial" "$aside/root"
: >"$aside/apt/status"
apt=(apt-get -q -o "Dir::State=$aside/apt/state" -o "Dir::State::status=$aside/apt/status"
    -o "Dir::Cache=$aside/apt/cache" -o "Dir::Etc::sourcelist=$aside/apt/sources.list"
    -o Dir::Etc::sourceparts=- -o APT::Install-Recommends=false -o APT::Sandbox::User=root
    -o Acquire::Retries=3 -o "Dir::Etc::trusted=$keyring" -o Debug::NoLocking=true)

found=
for mirror in $(mirrors | sed 's,/*$,,' | awk '!seen[$0]++'); do
    echo "deb [arch=amd64 signed-by=$keyring] $mirror $suite main" >"$aside/apt/sources.list"
    if "${apt[@]}" update >"$aside/apt/log" 2>&1 &&
        "${apt[@]}" install --print-uris caffe >/dev/null 2>>"$aside/apt/log"; then
        found=$mirror
        break
    fi
done
[ -n "$found" ] || die "no mirror of this machine's apt has Debian's suite $suite with Caffe, or the network is down: $(grep -m1 '^[EW]:' "$aside/apt/log" 2>/dev/null || echo 'apt names no mirror')"

echo "Downloading Caffe and what it needs (about 160 MB) ..."
"${apt[@]}" install -y --download-only caffe libopenblas0-pthread python3-caffe \
    >>"$aside/apt/log" 2>&1 || die "download failed: $(grep -m1 '^E:' "$aside/apt/log")"
echo "Unpacking (about 650 MB) ..."
for package in "$aside"/apt/cache/archives/*.deb; do
    dpkg -x "$package" "$aside/root" || die "cannot unpack $(basename "$package"): is the disk full?"
done
rm -rf "$aside/apt"

mkdir "$aside/bin"
cat >"$aside/bin/run" <<'WRAPPER'
#!/usr/bin/env bash
# Runs the program that this is linked as, with the libraries of ../root.
root=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")/root
lib=lib/x86_64-linux-gnu
name=$(basename "$0")
[ -e "$root/usr/bin/$name" ] || [ "$name" = caffe-python ] || name=$(basename "$(readlink "$0")")
export OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-$(nproc)}
# Without this, glog also writes log files into /tmp; standard error gets the same lines.
export GLOG_logtostderr=${GLOG_logtostderr:-1}
program=$root/usr/bin/$name
if [ "$name" = caffe-python ]; then
    program=$root/usr/bin/python3.9
    export PYTHONHOME=$root/usr
    export PYTHONPATH=$root/usr/lib/python3/dist-packages${PYTHONPATH:+:$PYTHONPATH}
fi
exec "$root/$lib/ld-2.31.so" --library-path \
    "$root/usr/lib:$root/usr/$lib:$root/$lib:$root/usr/$lib/openblas-pthread:$root/usr/$lib/hdf5/serial" \
    "$program" "$@"
WRAPPER
chmod 755 "$aside" "$aside/bin/run"
for name in caffe convert_mnist_data convert_imageset compute_image_mean caffe-python; do
    ln -s run "$aside/bin/$name"
done
"$aside/bin/caffe" --version >/dev/null 2>&1 || die "the unpacked Caffe does not run here"
"$aside/bin/caffe-python" -c 'import caffe' 2>/dev/null || die "the unpacked pycaffe does not import"
echo "$suite $layout" >"$aside/complete"
rm -rf "$prefix"
mv "$aside" "$prefix"
trap - EXIT
echo "Caffe is installed in $prefix"
