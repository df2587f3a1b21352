set -e
i=0; while [ $i -lt 300 ]; do i=$((i + 1)); done; echo $i
x=$(for n in 1 2 3; do echo $n | (read -r v; echo $((v * v))); done | tr '\n' ,); echo "$x"
trap 'echo term' TERM; kill -TERM $$; set -- a 'b c' d; for w; do echo "<$w>"; done; shift 2; echo $#
cat <<END | sed 's/^/  /'
here $i ${x%,} ${none:-default} ${#x}
END
(exit 7) || echo "status $?"; case abc.tar in *.tar) echo tar ;; esac; umask 027; umask; ulimit -n >/dev/null
echo "pid changes: $( [ "$(sh -c 'echo $$')" != $$ ] && echo yes )"
