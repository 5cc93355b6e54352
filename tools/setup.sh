# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What ./run and ./test share: the Debian packages, the configuration and the build, each done only when there is something
# to do. Sourced with $top set to the repository's root. Exit status when the set-up fails: 3.
: "${top:?}"
build=$top/build/release
log=$top/build/setup.log

say() { printf 'iommulab: %s\n' "$*" >&2; }

# Shows what comes in as one line that changes, when standard error is a terminal.
progress_line() {
  [ -t 2 ] || { cat >/dev/null; return; }
  local line
  while IFS= read -r line; do printf '\r\033[K%s' "${line:0:78}" >&2; done
  printf '\r\033[K' >&2
}

# step WHAT COMMAND...: says what is done, does it, and shows the end of its output if it fails.
step() {
  say "$1"
  shift
  "$@" </dev/null 2>&1 | tee "$log" | progress_line && return
  tail -n 40 "$log" >&2
  say "failed: $* (all its output: $log)"
  return 1
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"; }

# Sets $packages, what the build needs by its Debian names, and $known, whether this system is one that has them.
name_packages() {
  local boost='' ID='' VERSION_ID=''
  PRETTY_NAME='this system'
  # shellcheck source=/dev/null
  [ ! -r /etc/os-release ] || . /etc/os-release
  known=yes
  case $ID-$VERSION_ID in
    debian-12) boost=1.81 ;;
    debian-13) ;;
    *) known=no ;;
  esac
  packages=(g++ cmake ninja-build pkg-config libsystemc-dev "libboost$boost-dev" "libboost-json$boost-dev"
    "libboost-iostreams$boost-dev" libfmt-dev libyaml-cpp-dev libcli11-dev libbenchmark-dev libgtest-dev libgmock-dev
    librapidcheck-dev)
}

install_packages() {
  local package installed missing=()
  name_packages
  [ "$known" = yes ] || return 0
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null || true)
  for package in "${packages[@]}"; do
    grep -qxF "installed $package" <<<"$installed" || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    say "neither root nor sudo, so going on without these packages: ${missing[*]}"
    return 0
  fi
  step "reading Debian's package lists" apt update || true # an old list may do
  step "installing ${missing[*]}" apt install --no-install-recommends "${missing[@]}" || return
  rm -f "$build/build.ninja"
}

configure() {
  [ "$build/build.ninja" -nt CMakePresets.json ] && grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$top" "$build/CMakeCache.txt" &&
    return
  step "configuring $build" cmake --preset release --fresh && return
  [ "$known" = yes ] || say "$PRETTY_NAME is neither Debian 12 nor 13, so nothing was installed." \
    "Needed, by their Debian names: ${packages[*]}"
  return 1
}

build() {
  [[ $(cmake --build "$build" --target "$1" -- -n 2>&1) == *'no work to do'* ]] ||
    step "building $1" cmake --build "$build" --target "$1"
}

# set_up TARGET: afterwards TARGET is built. One at a time in a work tree.
set_up() (
  cd "$top" && mkdir -p build
  exec 9>build/.lock
  ! command -v flock >/dev/null || flock 9
  install_packages && configure && build "$1" || exit 3
)
