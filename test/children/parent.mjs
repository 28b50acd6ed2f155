// A process that starts a child with the built files named by its first argument, and prints what the child says.
// Usage: parent.mjs <directory of the build> <script for sh> [what to do then: `exit`, `close`]
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [, , built, script, then] = process.argv
const load = (path) => import(pathToFileURL(join(built, path)).href)
const { systemClock: clock } = await load('base/clock.js')
const { silentLog: log } = await load('base/log.js')
const { createReaper } = await load('upstreams/stdio/reaper.js')
const { closeLeakedDescriptors } = await load('cli/descriptors.js')
const { startChild } = await load('upstreams/stdio/start-child.js')

closeLeakedDescriptors()
const reaper = createReaper({ clock, log })
const child = startChild(
  { command: '/bin/sh', args: ['-c', script], env: { ONLY: 'this', PATH: process.env.PATH }, cwd: undefined },
  { clock, log, events: { emit() {} }, reaper, maxLineBytes: 65536, purpose: 'test' },
)
child.listen({
  line(text) {
    process.stdout.write(text + '\n')
    if (text !== 'ready') return
    if (then === 'exit') process.exit(0)
    if (then === 'close') void child.close()
  },
  exit() {},
  dropped() {},
})
