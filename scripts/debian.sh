# Debian packages without root and beside everything else; sourced by the install_*.sh and setup.sh.
#
# An apt with a configuration of its own downloads them from the mirror that this machine's apt
# uses, and dpkg unpacks them into a folder. What went wrong is left in $fault.

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
fault=

# debian_download SUITE FOLDER PACKAGE...: the packages and all that they need, as FOLDER/*.deb
debian_download() {
    local suite=$1 folder mirror log
    debian_here || return 1
    mkdir -p "$2/apt/state/lists/partial" "$2/apt/cache/archives/partial" || return 1
    folder=$(cd "$2" && pwd)
    log=$folder/apt/log
    shift 2
    : >"$folder/apt/status"
    : >"$log"
    local apt=(apt-get -q -o "Dir::State=$folder/apt/state" -o "Dir::State::status=$folder/apt/status"
        -o "Dir::Cache=$folder/apt/cache" -o "Dir::Etc::sourcelist=$folder/apt/sources.list"
        -o Dir::Etc::sourceparts=/dev/null -o APT::Install-Recommends=false -o APT::Sandbox::User=root
        -o Acquire::Retries=3 -o "Dir::Etc::trusted=$keyring" -o Debug::NoLocking=true)
    while read -r mirror; do
        echo "deb [arch=amd64 signed-by=$keyring] $mirror $suite main" >"$folder/apt/sources.list"
        "${apt[@]}" update >"$log" 2>&1 || continue
        "${apt[@]}" install --print-uris "$@" >/dev/null 2>>"$log" || continue
        if ! "${apt[@]}" install -y --download-only "$@" >>"$log" 2>&1; then
            fault="download failed: $(grep -m1 '^E:' "$log")"
            return 1
        fi
        mv "$folder"/apt/cache/archives/*.deb "$folder" && rm -rf "$folder/apt"
        return
    done < <(debian_mirrors)
    fault="no mirror of this machine's apt has $1 of Debian's suite $suite, or the network is down:"
    fault+=" $(grep -m1 -e '^E:' -e '^W: Failed' "$log" || echo 'apt names no mirror')"
    return 1
}

# debian_unpack FOLDER ROOT: every package in FOLDER, unpacked into ROOT
debian_unpack() {
    local package
    mkdir -p "$2"
    for package in "$1"/*.deb; do
        if ! dpkg -x "$package" "$2"; then
            fault="cannot unpack $(basename "$package"): is the disk full?"
            return 1
        fi
    done
}

# debian_alone FOLDER: makes it, and waits while another script has it (which then finds all done)
debian_alone() {
    while mkdir -p "$1" 2>/dev/null; do
        exec 9<"$1"
        flock 9
        [ ! "$1" -ef /proc/self/fd/9 ] || return 0 # or else it was moved or removed meanwhile
    done
    return 1
}

# debian_begin WHAT PREFIX MARK: a folder $aside, for an installation of WHAT that is to be $prefix
#
# It ends the script where that MARK is there already. What is aside goes when the script is cut
# short, and $prefix stays as it was.
debian_begin() {
    local folder
    what=$1 mark=$3
    folder=$(dirname "$2")
    mkdir -p "$folder" 2>/dev/null && [ -w "$folder" ] || die "cannot write $folder"
    prefix=$(cd "$folder" && pwd)/$(basename "$2")
    aside=$prefix.part
    ! debian_done || exit 0
    [ ! -e "$prefix" ] || [ -e "$prefix/complete" ] || rmdir "$prefix" 2>/dev/null ||
        die "$prefix exists and is no installation of $what; name another folder or remove it"
    debian_alone "$aside" || die "cannot write $folder"
    trap 'rm -rf "$aside"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    ! debian_done || exit 0
    rm -rf "${aside:?}"/* # of one that was killed
    mkdir "$aside/bin"
}

# debian_end: what is aside is complete, and takes its place
debian_end() {
    echo "$mark" >"$aside/complete"
    rm -rf "$prefix.old"
    [ ! -e "$prefix" ] || mv -T "$prefix" "$prefix.old"
    mv -T "$aside" "$prefix"
    trap - EXIT # what is aside from now on is another's
    rm -rf "$prefix.old"
    debian_done
}

debian_done() {
    [ "$(cat "$prefix/complete" 2>/dev/null)" = "$mark" ] || return 1
    echo "$what is installed in $prefix"
}

debian_here() {
    if [ "$(dpkg --print-architecture 2>/dev/null)" != amd64 ] || ! command -v apt-get >/dev/null; then
        fault="needs apt and dpkg on an x86-64 Debian (or a system made from it)"
    elif [ ! -e "$keyring" ]; then
        fault="$keyring is not there (apt-get install debian-archive-keyring)"
    fi
    [ -z "$fault" ]
}

# The Debian mirrors of apt's own configuration, both forms of source lists, each once.
debian_mirrors() {
    {
        apt-get indextargets --format '$(SITE) $(ORIGIN)' 2>/dev/null | awk '$2 == "Debian" { print $1 }'
        cat /etc/apt/sources.list.d/*.sources 2>/dev/null |
            awk 'tolower($1) == "uris:" { for (i = 2; i <= NF; i++) print $i }'
        cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
            awk '$1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^[a-z+]+:/) { print $i; break } }'
    } | sed 's,/*$,,' | awk '!seen[$0]++'
}
