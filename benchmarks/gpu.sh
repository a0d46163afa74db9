#!/usr/bin/env bash
# What a GPU makes of mbnb, in eight minutes:  benchmarks/gpu.sh [--quick] [FOLDER]
#
# Tests that need a GPU come first, then speeds, the ones that matter most before the others. Every
# result is written to FOLDER (outputs/gpu) as soon as it is known, and each part has seconds of its
# own, so that one that fails or is slow costs nothing but itself. At the end a report is printed,
# ready for benchmarks/README.md. --quick rehearses all of it on a processor, in a minute or two.
#
# It needs Python 3.11 or newer and no network. Of packages it needs numpy, scipy, pandas,
# scikit-learn, matplotlib, pyyaml, click, psutil, tqdm, lightning_fabric (lightning brings it along)
# and torch; for the tests pytest and tensorboard besides. What is missing is named at once; put it
# as wheels (python -m pip download --only-binary :all: NAME) into .whl/, from where it is installed.
# Golden numbers are tested where MBNB_SHARED names their folder, or ../shared holds them.
#
# Environment: PYTHON (python3), SECONDS_IN_ALL (480), WHEELS (.whl), MBNB_SHARED (../shared).
set -uo pipefail
cd "$(dirname "$0")/.."
quick=""
[ "${1:-}" = "--quick" ] && { quick="--quick"; shift; }
out=${1:-outputs/gpu}
python=${PYTHON:-python3}
wheels=${WHEELS:-.whl}
in_all=480
[ -n "$quick" ] && in_all=1800 # a rehearsal ends by itself, if other work leaves it its time
in_all=${SECONDS_IN_ALL:-$in_all}

mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1
rm -f "$out"/{results.jsonl,log.txt,report.md}
if compgen -G "$wheels/*.whl" > /dev/null; then
    site=$(mktemp -d) && trap 'rm -rf "$site"' EXIT
    "$python" -m pip install -q --no-index --no-deps --no-compile --target "$site" "$wheels"/*.whl
    export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}"
fi
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1
[ -n "$quick" ] && export GPU_TESTS_ON="${GPU_TESTS_ON:-cpu}"
missing=$("$python" - << 'PYTHON'
from importlib.util import find_spec
core = "torch numpy scipy pandas sklearn matplotlib yaml click psutil tqdm lightning_fabric"
print(*(name for name in f"{core} pytest tensorboard".split() if find_spec(name) is None))
PYTHON
)
[ -z "$missing" ] || echo "not installed here, put wheels into $wheels/: $missing"
command -v nvidia-smi > /dev/null && nvidia-smi | tee -a "$out/log.txt"

# part NAME SECONDS COMMAND …: runs a command for at most so long, and less where little is left.
part() {
    local name=$1 most=$2 left=$((in_all - SECONDS - 3)) status=124 why shown
    shift 2
    [ -n "$quick" ] && most=$in_all # a rehearsal shows all parts, however slow the machine is
    [ "$left" -lt "$most" ] && most=$left
    if [ "$most" -ge 5 ]; then
        echo "== $name, at most $most s, after $SECONDS s" | tee -a "$out/log.txt"
        shown=$(wc -l < "$out/log.txt")
        # Into a file, since a process that is left behind would hold a pipe open.
        timeout --kill-after=5 "$most" "$@" >> "$out/log.txt" 2>&1
        status=$?
        tail -n "+$((shown + 1))" "$out/log.txt"
    fi
    [ "$status" = 0 ] && return
    why="failed with status $status, see log.txt"
    [ "$status" = 124 ] && why="its time was over"
    echo "{\"kind\": \"fault\", \"part\": \"$name\", \"why\": \"$why\"}" >> "$out/results.jsonl"
}

# Seconds are for a GPU on which a step takes milliseconds and compiling a layer half a minute. The
# parts share what was compiled, in the compiler's own cache. Tests run side by side, where
# pytest-xdist is.
beside=()
"$python" -c "import xdist" 2> /dev/null && beside=(-n 3)
part tests 110 "$python" -m pytest -o addopts= --import-mode=importlib -p no:cacheprovider \
    "${beside[@]}" -v -rs --tb=short --durations=5 tests/*/test_gpu.py
for budget in kernels:60 training:110 evaluation:55 epochs:75 pipeline:20 start:50; do
    part "${budget%:*}" "${budget#*:}" "$python" -m benchmarks.gpu "${budget%:*}" "$out" $quick
done
echo
"$python" -m benchmarks.gpu_report "$out"
