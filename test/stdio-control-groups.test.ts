/** What a child starts and no mark can find: ended where control groups may be made, and only there. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { controlGroupsOf, mayMakeControlGroups } from './children/control-groups.ts'
import { startParent } from './children/parent.ts'
import { environmentOf, gatewayOf, runs, until } from './children/processes.ts'
import { type Nursery, openNursery } from './children/recorded.ts'

const isThere = mayMakeControlGroups()

let nursery: Nursery
beforeEach(() => void (nursery = openNursery()))
afterEach(() => nursery.end())

/** Without its environment, in a session of its own, and with a parent that is gone at once. It says its id. */
const cleared = `(setsid env -i /bin/sh -c 'echo $$; echo ready; exec sleep 60' &)`
/** The id of one that was said; it ends with the test. */
function doomed(said: string | number | undefined): number {
  const pid = Number(said)
  onTestFinished(() => {
    if (runs(pid)) process.kill(pid, 'SIGKILL')
  })
  expect(runs(pid)).toBe(true)
  expect(environmentOf(pid).join(' ')).not.toContain('MCPLEX')
  return pid
}

test.each([
  isThere
    ? 'a server is in its control group before its first instruction'
    : 'not run here: a server is in its control group before its first instruction (needs writable control groups v2)',
])('%s', async () => {
  const { child, lines } = nursery.sh('cat /proc/self/cgroup; echo ready; cat > /dev/null')
  await until('it has told its group', () => lines.includes('ready'))
  const inside = new RegExp(`^0::.*/mcplex-${gatewayOf(child.pid ?? 0).slice(0, 16)}/1$`)
  expect(lines.some((line) => inside.test(line))).toBe(isThere)
})

test('a process with a cleared environment is gone after the end of its server', async () => {
  const child = nursery.sh(`${cleared}; cat > /dev/null`)
  const other = nursery.sh(`${cleared}; cat > /dev/null`)
  const [stray, another] = [doomed((await child.seen(2))[0]), doomed((await other.seen(2))[0])]
  const gateway = gatewayOf(child.child.pid ?? 0)
  expect(controlGroupsOf(gateway).toSorted()).toEqual(isThere ? ['.', '1', '2'] : [])
  await child.child.close()
  expect([stray, another].map(runs)).toEqual([!isThere, true])
  await until('its control group is gone', () => !controlGroupsOf(gateway).includes('1'))
  expect(controlGroupsOf(gateway).length).toBe(isThere ? 2 : 0)
})

test('after the end of all, and of kill -9, no control group is left', async () => {
  const child = nursery.sh(`echo ready; cat > /dev/null`)
  await child.seen(1)
  const gateway = gatewayOf(child.child.pid ?? 0)
  await child.child.close()
  await nursery.containment.close()
  expect(controlGroupsOf(gateway)).toEqual([])

  const { pid, family } = await startParent(`echo $$; ${cleared}; exec sleep 60`, {
    mayUseControlGroups: true,
  })
  const killed = gatewayOf(family[0] ?? 0)
  const stray = doomed(family[1])
  expect(controlGroupsOf(killed)).toEqual(isThere ? ['.', '1'] : [])
  process.kill(pid, 'SIGKILL')
  await until('the server is gone', () => !runs(family[0] ?? 0))
  await until('no control group is left', () => controlGroupsOf(killed).length === 0)
  expect(runs(stray)).toBe(!isThere)
})

test('processes that fork faster than they are scanned all end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-hopping-'))
  const [program, steps, stop] = ['hop', 'steps', 'stop'].map((name) => join(folder, name)) as [string, string, string]
  // Each generation starts the next one in a session of its own, and is gone.
  writeFileSync(program, `#!/bin/sh\ntrap '' TERM\n[ -e ${stop} ] && exit\necho >> ${steps}\nsetsid ${program} &\n`)
  chmodSync(program, 0o755)
  onTestFinished(async () => {
    writeFileSync(stop, '')
    await new Promise((resolve) => setTimeout(resolve, 300))
    rmSync(folder, { recursive: true })
  })
  const child = nursery.sh(`env -i PATH="$PATH" ${program} & echo ready; cat > /dev/null`)
  await child.seen(1)
  const taken = (): number => (existsSync(steps) ? readFileSync(steps, 'utf8').length : 0)
  await until('it hops', () => taken() > 20)
  await child.child.close()
  const before = taken()
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(taken() > before).toBe(!isThere)
})
