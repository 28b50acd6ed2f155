/** nginx and Caddy as they are installed: a configuration of `docs/proxy/`, run on ports and with files of the test. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { eventually } from './eventually.ts'

export type ProxyName = 'nginx' | 'caddy'

const documents = join(import.meta.dirname, '..', '..', 'docs', 'proxy')

/** Servers are often in a folder that only root has in its PATH. */
function programOf(name: ProxyName): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
}

/** Which of them are there. */
export const installedProxies: readonly ProxyName[] = (['nginx', 'caddy'] as const).filter((name) => programOf(name))

export interface WebProxy {
  readonly port: number
  /** What it logged. */
  log(): string
}

/** What stands in a document, and what the test has in its place. */
export type Replacements = ReadonlyArray<readonly [text: string, replacement: string]>

/**
 * Runs a configuration for the test that runs.
 * @param document the name of the file
 * @param files to be written beside it: `$folder` in a replacement is where they are
 */
export async function runProxy(
  name: ProxyName,
  document: string,
  listening: readonly [text: string, replacement: (port: number) => string],
  replacements: Replacements,
  files: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<WebProxy> {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-proxy-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
  const port = await freePort()
  const [text, replacement] = listening
  let config = readFileSync(join(documents, document), 'utf8')
  for (const [from, to] of [[text, replacement(port)] as const, ...replacements]) {
    if (!config.includes(from)) throw new Error(`${document} does not hold ${from}`)
    config = config.replaceAll(from, to.replaceAll('$folder', folder))
  }
  const [args, main] = name === 'nginx' ? forNginx(config, folder) : forCaddy(config, folder)
  writeFileSync(join(folder, 'main'), main)
  const program = programOf(name) ?? name
  const child = spawn(program, args, { cwd: folder, env: { HOME: folder, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  child.stdout.setEncoding('utf8').on('data', (said: string) => (log += said))
  child.stderr.setEncoding('utf8').on('data', (said: string) => (log += said))
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  onTestFinished(async () => {
    child.kill('SIGTERM')
    const force = setTimeout(() => child.kill('SIGKILL'), 5000)
    await exited
    clearTimeout(force)
  })
  await eventually(`${name} to listen`, () => {
    if (child.exitCode !== null) throw new Error(`${name} ended: ${log}`)
    return listens(port)
  })
  return { port, log: () => log }
}

function forNginx(config: string, folder: string): [args: string[], main: string] {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    .join(' ')
  // The folder of the test is closed to others, and the workers of root are others.
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  const main = `daemon off; ${user} pid ${folder}/pid; error_log stderr; events {} http { access_log off; ${temporary}\n${config}\n}`
  return [['-p', folder, '-e', 'stderr', '-c', join(folder, 'main')], main]
}

function forCaddy(config: string, folder: string): [args: string[], main: string] {
  const global = '{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n'
  return [['run', '--adapter', 'caddyfile', '--config', join(folder, 'main')], global + config]
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
