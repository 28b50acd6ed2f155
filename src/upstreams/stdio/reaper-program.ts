/**
 * The program of the reaper, for any POSIX shell.
 *
 * Neither its text nor its arguments hold our name, so that a program that ends mcplex by name does not find it. For the
 * same reason it detaches from our process tree at once: a program that ends all our descendants does not reach it.
 *
 * It reads from descriptor 3, whose other end only we hold: `+id` adds a process group to its list, `-id` removes it;
 * each line is answered with a dot. Groups known at its start are its arguments. The end of input means that we have
 * ended. It then sends SIGTERM, and SIGKILL two seconds later, to every listed group, every process that carries a mark
 * of ours (`NAME=ID.`), and every member of our control groups (`FOLDER`), and repeats the search until it finds none.
 * A group led by one of those processes is added to the list.
 *
 * Checking the list once a second keeps it from signalling an id long after its process has ended. A process found by
 * its mark is signalled within milliseconds, before its id can be reused. Without `grep` the shell itself reads the
 * files, slowly; without `sleep` SIGKILL follows at once, which is better than never.
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
