/** Verbs of an operator, run as the command against instances with a runtime folder of their own. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPiped } from './pipes.ts'

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RuntimeFolder {
  /** For instances and verbs alike. */
  readonly env: Readonly<Record<string, string>>
  /** Where runtime files and sockets are. */
  readonly folder: string
  /** Runs a verb to its end. */
  run(...args: readonly string[]): Promise<Ran>
  /** The same with `--json`; its last object. */
  json(...args: readonly string[]): Promise<Readonly<Record<string, unknown>>>
  /** The admin places in the runtime file of a process. */
  placesOf(pid: number): { readonly socket: string; readonly url?: string; readonly token?: string }
  remove(): void
}

export function runtimeFolder(): RuntimeFolder {
  const base = mkdtempSync(join(tmpdir(), 'mcplex-door-'))
  mkdirSync(join(base, 'run'), { mode: 0o700 })
  const env = { XDG_RUNTIME_DIR: join(base, 'run'), TMPDIR: base }
  const folder = join(base, 'run', 'mcplex')
  const run: RuntimeFolder['run'] = async (...args) => {
    const piped = startPiped(args, env)
    piped.hangUp()
    const code = await piped.exited
    return { code, stdout: piped.lines.map((line) => `${line}\n`).join(''), stderr: piped.stderr() }
  }
  return {
    env,
    folder,
    run,
    async json(...args) {
      const { stdout, stderr } = await run(...args, '--json')
      const last = stdout.trim().split('\n').at(-1) ?? ''
      if (last === '') throw new Error(`nothing was printed: ${stderr}`)
      return JSON.parse(last) as Readonly<Record<string, unknown>>
    },
    placesOf: (pid) => (JSON.parse(readFileSync(join(folder, `${pid}.json`), 'utf8')) as { admin: never }).admin,
    remove: () => rmSync(base, { recursive: true }),
  }
}

export interface DoorAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  readonly body: unknown
}

interface AskOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** One request at a door: at a Unix socket, or at a URL. */
export function askAt(
  place: string,
  path: string,
  { method = 'GET', headers = {}, body }: AskOptions = {},
): Promise<DoorAnswer> {
  return new Promise((resolve, reject) => {
    const options = { method, headers, agent: false, path }
    const { hostname: host, port } = place.startsWith('/') ? { hostname: '', port: '' } : new URL(place)
    const sent = request(place.startsWith('/') ? { ...options, socketPath: place } : { ...options, host, port })
    sent.once('error', reject)
    sent.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.once('end', () => {
        const isJson = /json/.test(response.headers['content-type'] ?? '')
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          body: isJson ? (JSON.parse(text) as unknown) : undefined,
        })
      })
    })
    sent.end(body)
  })
}
