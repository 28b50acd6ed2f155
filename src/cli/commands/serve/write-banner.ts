/** Writes the banner on a terminal, and corrects it: a server that was missing stands there as ready, once it is. */
import type pc from 'picocolors'
import type { EventSource } from '../../../base/events.ts'
import { rowsOf, type StatusLine } from '../../status-line.ts'
import { banner, statelessLines } from './banner.ts'
import { sessionsOnlyIn } from './several-servers.ts'
import type { Ready, Sharing } from './ready.ts'

/**
 * @param keys whether keys are read: only then is nothing echoed that would move the cursor
 * @returns a function that ends the corrections
 */
export function writeBanner(
  ready: Ready,
  keys: boolean,
  colors: ReturnType<typeof pc.createColors>,
  stderr: StatusLine,
  events: EventSource,
): () => void {
  const { columns } = stderr
  const top = stderr.written
  let now = ready
  let lines = banner(now, keys, colors, columns).split('\n')
  // As many as at first, so that all other rows stay where they are.
  const eraLines = statelessLines(now, colors, columns).length
  stderr.write(lines.join('\n'))
  if (!keys) return () => {}
  const rows = (some: readonly string[]): number => rowsOf(some.map((line) => `${line}\n`).join(''), columns)
  const stop = events.on('upstreamReady', ({ upstream, tools, sharing }) => {
    // In a terminal of another width, all rows have moved.
    if (stderr.columns !== columns) return
    now = withReady(now, upstream, tools, sharing)
    const next = banner(now, keys, colors, columns, eraLines).split('\n')
    if (next.length !== lines.length) return
    for (const [at, line] of next.entries()) {
      const before = lines[at] ?? ''
      if (line !== before && rows([line]) === 1 && rows([before]) === 1) {
        stderr.rewrite(top + rows(lines.slice(0, at)), line)
        lines = lines.with(at, line)
      }
    }
  })
  // After Ctrl-Z, a shell has written between.
  process.once('SIGCONT', stop)
  return () => {
    stop()
    process.off('SIGCONT', stop)
  }
}

function withReady(ready: Ready, upstream: string, tools: number, sharing: Sharing): Ready {
  const { server, upstreams } = ready
  const before = upstreams[upstream]
  if (!before) return ready
  const all: Ready['upstreams'] = { ...upstreams, [upstream]: { ...before, standing: 'started', tools, sharing } }
  return {
    ...ready,
    server: { ...server, tools: server.tools + tools - before.tools },
    upstreams: all,
    // One refused clients without sessions as long as it was not known.
    sharing: sessionsOnlyIn(all).length > 0 ? ready.sharing : (Object.values(all)[0]?.sharing ?? sharing),
  }
}
