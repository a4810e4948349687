#!/usr/bin/env bash
# reset environment variables that could interfere with normal usage
unset GREP_OPTIONS
# put all utility functions here

# make a temporary file
git_extra_mktemp() {
    mktemp -t "$(basename "$0")".XXXXXXX
}

git_extra_default_branch() {
    local extras_default_branch init_default_branch
    extras_default_branch=$(git config --get git-extras.default-branch)
    init_default_branch=$(git config --get init.defaultBranch)
    if [ -n "$extras_default_branch" ]; then
        echo "$extras_default_branch"
    elif [ -n "$init_default_branch" ]; then
        echo "$init_default_branch"
    else
        echo "main"
    fi
}
#
# check whether current directory is inside a git repository
#

is_git_repo() {
  git rev-parse --show-toplevel > /dev/null 2>&1
  result=$?
  if test $result != 0; then
    >&2 echo 'Not a git repo!'
    exit $result
  fi
}

is_git_repo

set -e -o pipefail
if [[ $1 == "" ]]
then
    branch=$(git rev-parse --abbrev-ref HEAD &> /dev/null)
    remote=$(git config branch."${branch}".remote || echo "origin")
else
    remote=$1
fi

if [[ $remote == "" ]]
then
    echo "Remote not found"
    exit 1
fi

remote_url=$(git remote get-url "${remote}")

if [[ $? -ne 0 ]]
then
    exit $?
fi

if [[ $remote_url = git@* ]]
then
    url=$(echo "${remote_url}" | sed -E -e 's/:/\//' -e 's/\.git$//' -e 's/.*@(.*)/http:\/\/\1/')
elif [[ $remote_url = http* ]]
then
    url=${remote_url%.git}
fi

if [[ $url =~ github ]]
then
    ci_url=${url}/actions
elif [[ $url =~ gitlab ]]
then
    ci_url=${url}/-/pipelines
elif [[ $url =~ bitbucket ]]
then
    ci_url=${url}/addon/pipelines/home
fi
case "$OSTYPE" in
    darwin*)
        # MacOS
        open "${ci_url}"
        ;;
    msys)
        # Git-Bash on Windows
        start "${ci_url}"
        ;;
    linux*)
        # Handle WSL on Windows
        if uname -a | grep -i -q Microsoft && command -v powershell.exe
        then
            powershell.exe -NoProfile start "${ci_url}"
        else
            xdg-open "${ci_url}"
        fi
        ;;
    *)
        # fall back to xdg-open for BSDs, etc.
        xdg-open "${ci_url}"
        ;;
esac
