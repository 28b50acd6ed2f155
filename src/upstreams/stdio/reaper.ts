/**
 * The reaper: a tiny shell process that ends our children when we cannot, because we were killed or crashed.
 *
 * It reads the ids of process groups from a pipe whose other end only we hold. The pipe ends with us, however we end;
 * then every group still listed gets SIGTERM, and SIGKILL two seconds later. It lives in a session of its own, so
 * that what is sent to our terminal's group does not end it; should it die all the same, another is started and told
 * every group. It costs about 1 MB and is started with the first child.
 *
 * Not covered: a child in the moment between its start and its listing, a child that left its group by itself,
 * and Windows, which has no shell to do this. Such children still see their input close.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { hasGroups } from './group.ts'

export interface Reaper {
  /** Ends the group should we die. */
  watch(pgid: number): void
  /** The group is gone. To be called at once, before its id can be another's. */
  forget(pgid: number): void
  /** Ends the reaper, and with it every group still watched. */
  close(): void
}

export interface ReaperSettings {
  readonly clock: Clock
  readonly log: Log
  /** Where the shell finds `sleep`. */
  readonly path?: string | undefined
}

/** A reaper that died younger than this is not replaced at once. */
const restartAfterMs = 1000

/*
 * What is watched already comes as arguments, so that it is known from the first moment. `+id` lists a group, `-id` takes it off. After the end of input, looking once a second keeps an id from being
 * signalled long after it was gone. Without `sleep` the second signal follows at once: better too early than never.
 */
const program = `
trap '' HUP INT QUIT TERM PIPE
list=" $* "
drop() { case $list in *" $1 "*) list="\${list%%" $1 "*} \${list#*" $1 "}" ;; esac; }
while read -r line; do
  case $line in
    +*) drop "\${line#?}"; list="$list\${line#?} " ;;
    -*) drop "\${line#?}" ;;
  esac
done
tell() { for id in $list; do kill -s "$1" -- "-$id" 2>/dev/null || drop "$id"; done; }
tell TERM
for second in 1 2; do
  [ "$list" = ' ' ] && exit
  sleep 1
  tell 0
done
tell KILL
`

/** Throws nothing; where no reaper can be started, that is logged and children are ended by us alone. */
export function createReaper(settings: ReaperSettings): Reaper {
  if (!hasGroups()) return { watch() {}, forget() {}, close() {} }
  const { clock, log } = settings
  const watched = new Set<number>()
  let shell: ChildProcess | undefined
  let closed = false
  let waiting = false

  const start = (): void => {
    const startedAt = clock.now()
    const started = spawn('/bin/sh', ['-c', program, 'mcplex-reaper', ...[...watched].map(String)], {
      cwd: '/',
      detached: true,
      env: { PATH: settings.path ?? '/usr/local/bin:/usr/bin:/bin' },
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    shell = started
    // The end of the process tells all there is to know about a broken pipe.
    started.stdin?.on('error', () => {})
    const lost = (error?: Error): void => {
      if (shell !== started) return
      shell = undefined
      if (closed) return
      log.warn({ ...(error && { err: error }), watched: watched.size }, 'the reaper of child processes ended')
      if (watched.size === 0) return
      if (clock.now() - startedAt >= restartAfterMs) start()
      else restartLater()
    }
    started.on('error', lost)
    started.on('exit', () => lost())
    hold()
  }

  const restartLater = (): void => {
    if (waiting) return
    waiting = true
    clock.after(restartAfterMs, () => {
      waiting = false
      if (!closed && !shell && watched.size > 0) start()
    })
  }

  /** Keeps our process alive exactly as long as there are groups to be ended. */
  const hold = (): void => {
    if (watched.size > 0) shell?.ref()
    else shell?.unref()
  }

  return {
    watch(pgid) {
      if (closed || watched.has(pgid)) return
      watched.add(pgid)
      if (shell) {
        shell.stdin?.write(`+${pgid}\n`)
        hold()
      } else if (!waiting) start()
    },
    forget(pgid) {
      if (!watched.delete(pgid)) return
      shell?.stdin?.write(`-${pgid}\n`)
      hold()
    },
    close() {
      if (closed) return
      closed = true
      shell?.stdin?.end()
      shell?.unref()
    },
  }
}
