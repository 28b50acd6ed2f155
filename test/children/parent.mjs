// A process that starts children with the built files, and prints what they say.
// Usage: parent.mjs <script for sh> [what to do then: `exit`, `close`] [how many children] [may use control groups: `true`]
// SIGUSR2 starts one more.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [, , script, then, count = '1', groups] = process.argv
const built = join(import.meta.dirname, '..', '..', 'dist')
const load = (path) => import(pathToFileURL(join(built, path)).href)
const { systemClock: clock } = await load('base/clock.js')
const { silentLog: log } = await load('base/log.js')
const { createChildren } = await load('upstreams/stdio/children.js')
const { closeLeakedFds } = await load('cli/leaked-fds.js')
const { createMemoryBudget } = await load('base/memory-budget.js')

closeLeakedFds()
const events = { emit() {} }
const children = createChildren({
  clock,
  log,
  events,
  memory: createMemoryBudget(Infinity),
  maxLineBytes: 65536,
  path: undefined,
  mayUseControlGroups: groups === 'true',
})
const env = { ONLY: 'this', PATH: process.env.PATH }

function start() {
  const child = children.start({ command: '/bin/sh', args: ['-c', script], env, cwd: undefined }, 'test')
  child.listen({
    line(text) {
      process.stdout.write(text + '\n')
      if (text !== 'ready') return
      if (then === 'exit') process.exit(0)
      if (then === 'close') void child.close()
    },
    exit({ error }) {
      if (error !== undefined) process.stdout.write(`not started: ${error}\n`)
    },
    dropped() {},
  })
}

for (let number = 0; number < Number(count); number++) start()
process.on('SIGUSR2', start)
