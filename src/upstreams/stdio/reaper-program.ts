/**
 * The program of the reaper, for any POSIX shell.
 *
 * Neither its text nor its arguments hold our name: it must not be found, and ended, by what looks for mcplex by name.
 * For the same reason it leaves our family tree at once: whoever ends all our descendants does not meet it.
 *
 * It reads from descriptor 3, whose other end only we hold: `+id` lists a process group, `-id` takes it off; each line
 * is answered with a dot. What is listed already comes as arguments, so that it is known from the first moment. The end
 * of input is our end. Then come SIGTERM, and SIGKILL two seconds later, for every group listed, every process that
 * carries a mark of ours (`NAME=ID.`), and every member of our control groups (`FOLDER`), looked for again until none
 * is found. A group that one of those leads is listed from then on.
 *
 * Looking once a second keeps an id from being signalled long after its process was gone. A process that is found by
 * its mark is signalled within milliseconds: its id cannot be given away again as fast. Without `grep` the shell reads
 * by itself, slowly; without `sleep` the second signal follows at once: better too early than never.
 */
export const reaperProgram = `
trap '' HUP INT QUIT TERM PIPE TSTP TTIN TTOU
reap() {
list=' '
for id do list="$list$id "; done
drop() { case $list in *" $1 "*) list="\${list%%" $1 "*} \${list#*" $1 "}" ;; esac; }
while read -r line; do
  case $line in
    +*) drop "\${line#?}"; list="$list\${line#?} " ;;
    -*) drop "\${line#?}" ;;
  esac
  printf .
done
exec >/dev/null
marked() {
  cd /proc 2>/dev/null || return
  if command -v grep >/dev/null; then grep -lF "$NAME=$ID." [0-9]*/environ
  else
    for file in [0-9]*/environ; do
      while read -r line || [ "$line" ]; do
        case $line in *"$NAME=$ID."*) echo "$file"; break ;; esac
      done < "$file"
    done
  fi
}
strays() {
  for file in $(marked); do echo "\${file%/*}"; done
  [ "$FOLDER" ] || return
  for file in "$FOLDER"/*/cgroup.procs; do
    while read -r id; do echo "$id"; done < "$file"
  done
}
listed() {
  read -r stat < "/proc/$1/stat" || return
  set -- \${stat##*') '}
  case $list in *" $3 "*) ;; *) false ;; esac
}
tell() {
  for id in $list; do kill -s "$1" -- "-$id" || drop "$id"; done
  found=' ' led=
  for id in $(strays); do
    case $found in *" $id "*) continue ;; esac
    listed "$id" && continue
    kill -s "$1" "$id" && found="$found$id "
    kill -s 0 -- "-$id" && led="$led$id "
  done
  list="$list$led"
}
tell TERM
tell CONT
for second in 1 2; do
  [ "$list$found" = '  ' ] && break
  sleep 1
  tell 0
done
for second in 1 2 3 4 5; do
  for round in 1 2 3 4 5 6 7 8 9; do
    [ "$list$found" = '  ' ] && break 2
    [ "$FOLDER" ] && echo 1 > "$FOLDER/cgroup.kill"
    tell KILL
  done
  sleep 1
done
[ "$FOLDER" ] && rmdir "$FOLDER"/*/ "$FOLDER"
}
reap "$@" 2>/dev/null <&3 >&3 3>&- &
`
