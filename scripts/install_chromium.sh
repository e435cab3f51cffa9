#!/usr/bin/env bash
# Chromium and its driver without root, for the tests: bash scripts/install_chromium.sh [PREFIX]
#
# Debian's packages are unpacked into PREFIX/root (.chromium by default); PREFIX/bin holds wrappers
# that run them with their own libraries and fonts. An installation that is interrupted leaves
# PREFIX as it was.
set -euo pipefail

die() { echo "install_chromium.sh: error: $*" >&2; exit 1; }

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/debian.sh"
suite=bookworm
layout=1 # raise it when the wrappers below change
debian_begin Chromium "${1:-$here/../.chromium}" "$suite $layout"

echo "Downloading Chromium and what it needs (about 220 MB) ..."
debian_download "$suite" "$aside/packages" chromium chromium-driver fonts-dejavu-core \
    fonts-wqy-microhei || die "$fault"
rm -f "$aside"/packages/libc6_*.deb # the system's own, which every other program here uses
echo "Unpacking (about 850 MB) ..."
debian_unpack "$aside/packages" "$aside/root" || die "$fault"
rm -rf "$aside/packages" "$aside/root/usr/share/doc" "$aside/root/usr/share/icons"

cat >"$aside/bin/run" <<'WRAPPER'
#!/usr/bin/env bash
# Runs the program under whose name it is called, with the libraries and fonts of ../root.
name=$(basename "$0")
root=$(dirname "$(dirname "$(readlink -f "$0")")")/root
lib=$root/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH=$lib:$root/lib/x86_64-linux-gnu:$lib/pulseaudio:$lib/samba
export FONTCONFIG_PATH=$root/etc/fonts FONTCONFIG_SYSROOT=$root XDG_DATA_DIRS=$root/usr/share
case $name in
    chromium) exec "$root/usr/lib/chromium/chromium" "$@" ;;
    *) exec "$root/usr/bin/$name" "$@" ;;
esac
WRAPPER
chmod 755 "$aside" "$aside/bin/run"
ln -s run "$aside/bin/chromium"
ln -s run "$aside/bin/chromedriver"
"$aside/bin/chromedriver" --version >/dev/null 2>&1 || die "the unpacked driver does not run here"
"$aside/bin/chromium" --headless --no-sandbox --disable-gpu --dump-dom 'data:text/html,works' 2>/dev/null |
    grep -q works || die "the unpacked Chromium does not run here"
debian_end
