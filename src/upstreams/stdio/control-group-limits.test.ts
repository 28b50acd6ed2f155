/** Limits by control groups, in a folder that looks like one: what is written where. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { enforcedByGroups, hasExceededMemory } from './control-group-limits.ts'
import { createContainment } from './containment.ts'
import { createControlGroups } from './control-groups.ts'
import { limitsOfMachine, unenforceableLimits } from './unenforceable-limits.ts'

const gateway = '0123456789abcdef0123456789abcdef'
const own = `${process.pid}`

/** A group as the kernel shows it. */
function fakeGroup(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-group-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const usual = {
    'cgroup.type': 'domain\n',
    'cgroup.kill': '',
    'cgroup.procs': `${own}\n`,
    'cgroup.subtree_control': '',
  }
  for (const [name, text] of Object.entries({ ...usual, ...files })) writeFileSync(join(folder, name), text)
  return folder
}

const all = 'cpuset cpu io memory pids\n'

test('what can be limited is what our group has, if no process of others is in it, or what is enabled already', () => {
  const enforced = (files: Readonly<Record<string, string>>): string[] =>
    [...enforcedByGroups(fakeGroup(files))].toSorted()
  expect(enforced({ 'cgroup.controllers': all })).toEqual(['cpu', 'memory', 'pids'])
  expect(enforced({ 'cgroup.controllers': 'memory\n' })).toEqual(['memory'])
  expect(enforced({ 'cgroup.controllers': all, 'cgroup.procs': `${own}\n${process.ppid}\n` })).toEqual([
    'cpu',
    'memory',
    'pids',
  ])
  const others = { 'cgroup.controllers': all, 'cgroup.procs': `${own}\n4194303\n` }
  expect(enforced(others)).toEqual([])
  expect(enforced({ ...others, 'cgroup.subtree_control': 'memory pids\n' })).toEqual(['memory', 'pids'])
  // The root of all groups has no type, and is never empty.
  expect(enforced({ ...others, 'cgroup.type': '' })).toEqual(['cpu', 'memory', 'pids'])
  expect([...enforcedByGroups(join(tmpdir(), 'there is none'))]).toEqual([])
})

test('our process moves aside, and each worker gets its limits before it is moved into its group', async () => {
  const group = fakeGroup({ 'cgroup.controllers': all })
  const groups = createControlGroups(
    gateway,
    systemClock,
    silentLog,
    { memory: 512 * 1024 ** 2, cpu: 50, pids: 64 },
    group,
  )
  const read = (path: string): string => readFileSync(join(group, path), 'utf8')
  expect([...(groups?.enforced ?? [])].toSorted()).toEqual(['cpu', 'memory', 'pids'])
  expect(read('mcplex-self/cgroup.procs')).toBe(own)
  expect(read('cgroup.subtree_control')).toBe('+memory +cpu +pids')
  const folder = `mcplex-${gateway.slice(0, 16)}`
  expect(read(`${folder}/cgroup.subtree_control`)).toBe('+memory +cpu +pids')
  const worker = groups?.add(7)
  const limits = { 'memory.max': '536870912', 'memory.oom.group': '1', 'cpu.max': '50000 100000', 'pids.max': '64' }
  for (const [name, text] of Object.entries(limits)) expect(read(`${folder}/7/${name}`), name).toBe(text)
  expect(existsSync(join(group, folder, '7', 'cgroup.procs')), 'no process is in there yet').toBe(false)
  worker?.move(
    4_194_000,
    () => false,
    () => {},
  )
  await worker?.members()
  expect(read(`${folder}/7/cgroup.procs`)).toBe('4194000')
  expect(worker?.hasExceededMemory()).toBe(false)
  writeFileSync(
    join(group, folder, '7', 'memory.events'),
    'low 0\nhigh 0\nmax 12\noom 1\noom_kill 2\noom_group_kill 1\n',
  )
  expect(worker?.hasExceededMemory()).toBe(true)
})

test('without limits nothing is enabled, and our process stays where it is', async () => {
  const group = fakeGroup({ 'cgroup.controllers': all })
  const groups = createControlGroups(gateway, systemClock, silentLog, {}, group)
  expect(groups?.add(1)).toMatchObject({ isLimited: false })
  expect([...(groups?.enforced ?? [])]).toEqual([])
  expect(readFileSync(join(group, 'cgroup.subtree_control'), 'utf8')).toBe('')
  expect(() => readFileSync(join(group, 'mcplex-self', 'cgroup.procs'))).toThrow('ENOENT')
})

test('a worker whose limits cannot be set is not started', () => {
  const group = fakeGroup({ 'cgroup.controllers': all })
  const groups = createControlGroups(gateway, systemClock, silentLog, { pids: 64 }, group)
  // Something else is where its group would be.
  mkdirSync(join(group, `mcplex-${gateway.slice(0, 16)}`, '3'))
  expect(() => groups?.add(3)).toThrow('EEXIST')
})

test('limits are enforced before the first worker, or known to be lacking: processes of others may have come meanwhile', async () => {
  const wanted = { limitMemoryBytes: 0, limitCpu: '50%', limitPids: 64, limitUser: undefined }
  for (const others of ['', '4194303\n']) {
    const ownGroup = fakeGroup({ 'cgroup.controllers': all })
    expect([...enforcedByGroups(ownGroup)]).toContain('cpu')
    writeFileSync(join(ownGroup, 'cgroup.procs'), `${own}\n${others}`)
    const containment = createContainment({
      clock: systemClock,
      log: silentLog,
      limits: { cpu: 50, pids: 64 },
      ownGroup,
    })
    const enforced = containment.enforce()
    expect([...enforced].toSorted()).toEqual(others === '' ? ['cpu', 'pids'] : [])
    const lacking = unenforceableLimits(wanted, limitsOfMachine(enforced)).map(({ key }) => key)
    expect(lacking).toEqual(others === '' ? [] : ['limitCpu', 'limitPids'])
    await containment.close()
  }
})

test('only a kill by the kernel for lack of memory counts as one', () => {
  const group = fakeGroup({ 'memory.events': 'oom 3\noom_kill 0\n' })
  expect([hasExceededMemory(group), hasExceededMemory(join(group, 'none'))]).toEqual([false, false])
})
