/** The runtime file: how a running mcplex is found by other commands, and what is ignored. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { readFolder, runningInstances } from '../src/cli/running-instances.ts'
import { checkFolder, openFolder } from '../src/cli/runtime-folder.ts'
import { echoLegacy, type Mcplex, mcplexForTest, type Started } from './support/mcplex.ts'
import { eventually } from './support/eventually.ts'
import { serveStdio } from './support/pipes.ts'

const user = process.getuid?.() ?? 0

let base: string
/** `$XDG_RUNTIME_DIR`, and the folder for temporary files, of each instance. */
let runtime: string
let temporary: string

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'mcplex-runtime-'))
  runtime = join(base, 'run')
  temporary = join(base, 'tmp')
  mkdirSync(runtime, { mode: 0o700 })
  mkdirSync(temporary, { mode: 0o700 })
  // For the reader in this process: instances of other tests run on the machine, too.
  vi.stubEnv('TMPDIR', temporary)
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(base, { recursive: true })
})

const folder = (): string => join(runtime, 'mcplex')
const fallback = (): string => join(temporary, `mcplex-${user}`)
const pathOf = ({ pid }: Pick<Mcplex, 'pid'>): string => join(folder(), `${pid}.json`)
const found = (): number[] => runningInstances({ XDG_RUNTIME_DIR: runtime }).map(({ pid }) => pid)
const isWarned = ({ log }: Mcplex): boolean => log.some(({ msg }) => String(msg).startsWith('the runtime file cannot'))

function start(started: Started = {}): Promise<Mcplex> {
  return mcplexForTest({ ...started, env: { XDG_RUNTIME_DIR: runtime, TMPDIR: temporary, ...started.env } })
}

/** Ends it by `kill -9`. */
async function crash(mcplex: Mcplex): Promise<void> {
  mcplex.signal('SIGKILL')
  await mcplex.exited
}

interface Written {
  readonly pid: number
  readonly identity: Readonly<Record<string, string>>
}

const contentOf = (path: string): Written => JSON.parse(readFileSync(path, 'utf8')) as Written

/** Writes a file as an instance with this id would have it. */
function write(content: Written): void {
  writeFileSync(join(folder(), `${content.pid}.json`), JSON.stringify(content), { mode: 0o600 })
}

describe('a running instance', () => {
  test('says where it serves, to its user alone', async () => {
    const secret = 'a-secret-of-the-server'
    const mcplex = await start({ options: ['--env', `TOKEN=${secret}`], server: [echoLegacy, '--page=7'] })
    const [instance, ...others] = runningInstances({ XDG_RUNTIME_DIR: runtime })
    expect(others).toEqual([])
    expect(instance).toMatchObject({
      pid: mcplex.pid,
      transport: 'http',
      endpoint: mcplex.url,
      sse: `${mcplex.origin}/sse`,
      health: `${mcplex.origin}/health`,
      port: Number(new URL(mcplex.url).port),
      cwd: process.cwd(),
      server: { name: 'echo-legacy' },
    })
    expect(new Date(instance?.startedAt ?? '').getTime()).toBeGreaterThan(0)
    expect(statSync(folder()).mode & 0o777).toBe(0o700)
    expect(statSync(pathOf(mcplex)).mode & 0o777).toBe(0o600)
    expect(readFileSync(pathOf(mcplex), 'utf8')).not.toMatch(new RegExp(`${secret}|--page`))
    const socket = expect.stringMatching(new RegExp(`^${mcplex.pid}-[0-9a-f]{8}\\.sock$`)) as string
    expect(readdirSync(folder()).toSorted()).toEqual([socket, `${mcplex.pid}.json`])
  })

  test('names its Unix socket by a path that holds in any folder', async () => {
    const socket = join(base, 'mcp.sock')
    await start({ options: ['--socket', socket] })
    const [instance] = runningInstances({ XDG_RUNTIME_DIR: runtime })
    expect(instance).toMatchObject({ socket, endpoint: 'http://localhost/mcp' })
    expect(instance).not.toHaveProperty('port')
  })

  test('is found with the transport stdio, too', async () => {
    const piped = serveStdio([echoLegacy], [], { XDG_RUNTIME_DIR: runtime, TMPDIR: temporary })
    await piped.initialize()
    await eventually('it is found', () => found().includes(piped.pid))
    expect(runningInstances({ XDG_RUNTIME_DIR: runtime })[0]).not.toHaveProperty('endpoint')
    piped.hangUp()
    await piped.exited
    expect(existsSync(pathOf(piped))).toBe(false)
  })

  test('stands beside others, in the order of their starts', async () => {
    const first = await start()
    const second = await start()
    expect(found()).toEqual([first.pid, second.pid])
    await first.end()
    expect(found()).toEqual([second.pid])
  })

  test.each(['SIGTERM', 'SIGINT'] as const)('leaves nothing behind after %s', async (signal) => {
    const mcplex = await start()
    mcplex.signal(signal)
    await mcplex.exited
    expect(readdirSync(folder())).toEqual([])
  })

  test('can be told to write no file', async () => {
    const mcplex = await start({ env: { MCPLEX_ADMIN__RUNTIME_FILE: 'false' } })
    expect([existsSync(folder()), existsSync(fallback()), isWarned(mcplex)]).toEqual([false, false, false])
  })
})

describe('the file of an instance that is gone', () => {
  test('after kill -9 is ignored, and removed by the next instance', async () => {
    const mcplex = await start()
    await crash(mcplex)
    expect(existsSync(pathOf(mcplex))).toBe(true)
    expect(found()).toEqual([])
    const next = await start()
    expect(found()).toEqual([next.pid])
    expect(readdirSync(folder()).filter((name) => name.endsWith('.json'))).toEqual([`${next.pid}.json`])
  })

  test('is ignored when another process has its id', async () => {
    const mcplex = await start()
    await crash(mcplex)
    // This process runs under the id, and is not the one that wrote the file.
    write({ ...contentOf(pathOf(mcplex)), pid: process.pid })
    expect(found()).toEqual([])
  })

  test('is ignored when it is from before a restart of the machine, or from another container', async () => {
    const mcplex = await start()
    const content = contentOf(pathOf(mcplex))
    write({ ...content, identity: { ...content.identity, boot: 'another' } })
    expect(found()).toEqual([])
    write({ ...content, identity: { ...content.identity, namespace: 'pid:[1]' } })
    expect(found()).toEqual([])
    // The next instance cannot know whether the process of another container has ended.
    const next = await start()
    expect(found()).toEqual([next.pid])
    expect(existsSync(pathOf(mcplex))).toBe(true)
  })

  test('is not removed by an instance whose file was replaced', async () => {
    const mcplex = await start()
    const content = contentOf(pathOf(mcplex))
    rmSync(pathOf(mcplex))
    write({ ...content, identity: { ...content.identity, namespace: 'pid:[1]' } })
    await mcplex.end()
    expect(existsSync(pathOf(mcplex))).toBe(true)
  })
})

describe('a folder that cannot be used', () => {
  test('is a warning in the log, once, and the instance serves', async () => {
    writeFileSync(folder(), '')
    writeFileSync(fallback(), '')
    const mcplex = await start()
    expect(mcplex.log.filter(({ level }) => level === 'warn')).toHaveLength(1)
    expect(isWarned(mcplex)).toBe(true)
    expect((await fetch(`${mcplex.origin}/health`)).status).toBe(200)
    expect(found()).toEqual([])
    expect((await mcplex.end()).code).toBe(0)
  })

  test('is replaced by the folder among the temporary files', async () => {
    const mcplex = await start({ env: { XDG_RUNTIME_DIR: join(base, 'not-there') } })
    expect(isWarned(mcplex)).toBe(false)
    expect(existsSync(join(fallback(), `${mcplex.pid}.json`))).toBe(true)
    expect(found()).toEqual([mcplex.pid])
  })

  test('because it is a link is neither followed by the writer nor by the reader', async () => {
    const target = join(base, 'target')
    mkdirSync(target, { mode: 0o700 })
    symlinkSync(target, folder())
    const mcplex = await start()
    expect(readdirSync(target)).toEqual([])
    expect(readFolder(fallback()).map(({ record }) => record.pid)).toEqual([mcplex.pid])
    expect(found()).toEqual([mcplex.pid])
    renameSync(join(fallback(), `${mcplex.pid}.json`), join(target, `${mcplex.pid}.json`))
    expect(found()).toEqual([])
  })

  test('because other users have access to it is closed to them, and ignored until then', async () => {
    const mcplex = await start()
    chmodSync(folder(), 0o777)
    expect(found()).toEqual([])
    const next = await start()
    expect(statSync(folder()).mode & 0o777).toBe(0o700)
    expect(found()).toEqual([mcplex.pid, next.pid])
  })

  test('because it belongs to another user, or lies where other users may replace it, is refused', () => {
    // Only root may give a folder away; the root folder belongs to root.
    const foreign = user === 0 ? folder() : '/'
    if (user === 0) {
      mkdirSync(foreign, { mode: 0o700 })
      chownSync(foreign, 65_534, 65_534)
    }
    expect(() => checkFolder(foreign, true)).toThrow('it belongs to another user')
    chmodSync(temporary, 0o777)
    expect(() => openFolder(fallback())).toThrow('other users may replace folders')
    expect(existsSync(fallback())).toBe(false)
  })

  test('because of a link in the place of a file has that link ignored', async () => {
    const mcplex = await start()
    const elsewhere = join(base, 'file.json')
    writeFileSync(elsewhere, readFileSync(pathOf(mcplex)))
    rmSync(pathOf(mcplex))
    symlinkSync(elsewhere, pathOf(mcplex))
    expect(found()).toEqual([])
  })
})

test('a file that is no runtime file is ignored', async () => {
  const mcplex = await start()
  const texts = ['', '{"format":1,', '{"format":2}', `{"format":1,"pid":"${process.pid}"}`, `"${'x'.repeat(100_000)}"`]
  for (const text of texts) {
    writeFileSync(join(folder(), `${process.pid}.json`), text)
    expect(found()).toEqual([mcplex.pid])
  }
})
