#!/bin/sh
# Unpacks a Debian package and all that it needs, C library included, below a folder of ours.
# Needs no root, changes nothing on the system, and runs on any Debian, whatever its release.
# usage: unpack_deb.sh SUITE PACKAGE PROGRAM FOLDER [PACKAGE...]
#        makes FOLDER/PROGRAM, a script that runs it; unpacks the further packages next to it
set -eu
suite=$1 package=$2 program=$3 folder=$4
shift 4

command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
    { echo "unpack_deb.sh: apt-get and dpkg-deb are missing: $package of Debian $suite can only be had on Debian" >&2; exit 3; }
# The mirror that this machine is set up to use.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -n 1)
[ -n "$mirror" ] || { echo "unpack_deb.sh: no Debian mirror in this machine's apt sources: 'apt-get update' as root, once" >&2; exit 3; }

rm -rf "$folder"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd) # apt takes a relative path for one in /etc/apt
apt=$folder/apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
echo "deb $mirror $suite main" >"$apt/sources.list"
: >"$apt/status"
cat >"$apt/apt.conf" <<END
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::State::lists "$apt/lists";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Retries "3";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
END
export APT_CONFIG="$apt/apt.conf"
apt-get update -qq
apt-get install -qq --yes --download-only "$package" "$@" >/dev/null
for deb in "$apt"/cache/archives/*.deb; do dpkg-deb -x "$deb" "$folder/root"; done
ls "$apt/cache/archives" | grep "^${package}_" >"$folder/version"
rm -rf "$apt"

root=$folder/root
loader=$(find "$root" -name 'ld-linux*.so.*' -type f | head -n 1)
libraries=$(find "$root" -name '*.so*' -printf '%h\n' | grep -v '/gconv' | sort -u | paste -sd:)
vim=$(find "$root/usr/share" -name ftplugin.vim -printf '%h\n' | head -n 1)
cat >"$folder/$program" <<END
#!/bin/sh
export VIMRUNTIME="$vim" HELIX_RUNTIME="$root/usr/lib/hx/runtime"
exec "$loader" --argv0 "\$0" --library-path "$libraries" "$root/usr/bin/$program" "\$@"
END
chmod +x "$folder/$program"
