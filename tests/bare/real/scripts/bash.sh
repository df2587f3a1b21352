# What bash itself can do: arrays, processes, traps, arithmetic, co-processes.
set -u
declare -A squares; for i in {1..10}; do squares[$i]=$((i * i)); done
echo "${#squares[@]} ${squares[7]} ${!squares[*]}" | tr ' ' '\n' | sort -n | tr '\n' ' '; echo
words=(one two three); echo "${words[@]^^}" "${words[*]:1:2}" "${#words[1]}"
while read -r a b; do echo "$b-$a"; done < <(printf '1 x\n2 y\n')
diff <(seq 1 5) <(seq 2 6)
coproc TWICE { while read -r n; do echo $((n * 2)); done; }
echo 21 >&"${TWICE[1]}"; read -r answer <&"${TWICE[0]}"; echo "$answer"; kill "$TWICE_PID"; wait "$TWICE_PID" 2>/dev/null; echo "coproc $?"
trap 'echo got USR1' USR1; kill -USR1 $$
trap 'echo leaving' EXIT
for i in 1 2 3 4 5 6 7 8; do (exit $i) & pids[$i]=$!; done
for i in 1 2 3 4 5 6 7 8; do wait "${pids[$i]}"; printf '%d ' $?; done; echo
f() { local x=$1; ((x <= 1)) && echo 1 || echo $((x * $(f $((x - 1))))); }; f 10
printf -v text '%(%Y)T' 0; echo "$text"; echo $((16#ff)) $((2 ** 40)) $((-7 / 2)) $((-7 % 3))
exec 3<>/tmp/both; echo written >&3; exec 3>&-; read -r back </tmp/both; echo "$back"; rm /tmp/both
[[ abc123 =~ ^([a-z]+)([0-9]+)$ ]] && echo "${BASH_REMATCH[2]}${BASH_REMATCH[1]}"
(ulimit -n 10; exec 4</etc/passwd 5</etc/passwd; ulimit -n; { exec 11</etc/passwd; } 2>/dev/null || echo "no more")
yes | head -1000 | wc -l; echo "${PIPESTATUS[@]}"
read -r -t 0.05 nothing </dev/zero; mapfile -t lines < <(seq 1 1000); echo "${#lines[@]} ${lines[999]}"
set -m; sleep 100 & jobs | sed 's/  */ /g'
until read -r name <"/proc/$!/comm" && [ "$name" = sleep ]; do :; done # until then it is bash, with bash's traps
kill %1; wait %1 2>/dev/null; echo "job $?"
{ (kill -9 $BASHPID); } 2>/dev/null; echo "killed $?"; { (kill -SEGV $BASHPID); } 2>/dev/null; echo "segv $?"
select word in a b; do echo "chose $word"; break; done <<<2 2>/dev/null
echo "done in bash ${BASH_VERSINFO[0]}"
