/** The verb `check`: says whether a configuration file can be served, and shows what it comes to. Nothing is started. */
import pc from 'picocolors'
import { wallMs } from '../../../base/clock.ts'
import type { Environment } from '../../../config/environment.ts'
import { type LoadedFile, loadFile } from '../../../config/file/load-file.ts'
import { findFile, openFile } from '../../../config/file/open-file.ts'
import { type ResolvedValue, resolvedValues } from '../../../config/file/resolved.ts'
import { KeysFileError } from '../../../identity/keys-file.ts'
import { readKeys } from '../../../identity/ready-auth.ts'
import { keysFileFailure } from '../../keys-file-failure.ts'
import { CommandFailed } from '../../failures.ts'
import { closedEndpoints, closedInWords, refusingAt } from '../../../config/stateless-endpoints.ts'
import { renamedInWords, type RenamedTools, renamedTools } from '../../../config/renamed-tools.ts'
import type { Outputs } from '../../outputs.ts'
import { notesOf } from '../../report.ts'
import { type RunningInstance, runningInstances } from '../../running-instances.ts'
import { showFailure } from '../../show-failure.ts'
import { wantsColor } from '../../terminal.ts'
import type { CheckRequest } from './command.ts'

/**
 * @returns the exit code
 * @throws ConfigError with all problems of the file, of flags and of variables; CommandFailed with all that the machine lacks
 */
export function check(request: CheckRequest, machine: Environment, { stdout, stderr }: Outputs): number {
  const folder = process.cwd()
  const path = findFile(request.file, folder)
  const source = openFile(path, folder, machine.env)
  const loaded = loadFile(source, new Map(), machine)
  const colors = pc.createColors(wantsColor(machine.env, stderr, request.isColorOff))
  const activeKeys = countKeys(loaded)
  const values = request.isPrint ? resolvedValues(loaded) : []
  if (loaded.missing.length > 0) {
    if (!request.isJson) stdout.write(table(values))
    throw new CommandFailed(loaded.missing, request.isPrint ? { values } : {})
  }
  if (request.isJson) {
    const warnings = loaded.warnings.map((one) => ({ code: one.code, message: one.message, ...notesOf(one) }))
    const { upstreams, endpoints } = loaded.settings
    const running = runningWith(path, machine.env)
    const found = {
      upstreams: Object.keys(upstreams),
      renamed: renamedByReload(running, upstreams),
      closed: closedEndpoints(loaded.settings, running?.eras),
      endpoints: Object.keys(endpoints),
      sessionsOnly: refusingAt(loaded.settings, running?.eras).get('/mcp'),
      ...(activeKeys !== undefined && { keys: activeKeys }),
      warnings,
    }
    stdout.write(
      `${JSON.stringify({ event: 'checked', file: source.file, ...found, ...(request.isPrint && { values }) })}\n`,
    )
    return 0
  }
  stdout.write(table(values))
  for (const warning of loaded.warnings) stderr.write(showFailure(warning, colors, 'warning'))
  if (!request.isQuiet) {
    const running = runningWith(path, machine.env)
    const lines = [
      ...renamedByReload(running, loaded.settings.upstreams).map(renamedInWords),
      ...closedEndpoints(loaded.settings, running?.eras).map(closedInWords),
    ].map((words) => `when the running mcplex applies it: ${words}\n`)
    const eras = eraLines(loaded, running).join('')
    stderr.write(
      `${source.file}: ${summary(loaded)}\n${eras}${namesLine(loaded)}${keysLine(activeKeys)}${lines.join('')}`,
    )
  }
  return 0
}

/** The running instance that serves this file. */
function runningWith(path: string, env: Environment['env']): RunningInstance | undefined {
  return runningInstances(env).find(({ config }) => config === path)
}

/** What a running instance would name in another way if it applied these settings now. */
function renamedByReload(
  running: RunningInstance | undefined,
  upstreams: LoadedFile['settings']['upstreams'],
): RenamedTools[] {
  return renamedTools(running?.upstreams ?? [], Object.keys(upstreams))
}

/** How clients see the names of tools. */
function namesLine({ settings: { upstreams } }: LoadedFile): string {
  const [first = '', ...others] = Object.keys(upstreams)
  return others.length === 0
    ? `tools have their own names; with a second server, ${first}__ stands before those of ${first}\n`
    : `tools are named NAME__tool, such as ${first}__...; at /mcp/NAME they have their own names\n`
}

/**
 * How many API keys would be accepted; undefined if none are asked for.
 * @throws CommandFailed if the file of keys cannot be used
 */
function countKeys({ settings: { auth } }: LoadedFile): number | undefined {
  try {
    return readKeys(auth).keys?.count(wallMs())
  } catch (error) {
    throw error instanceof KeysFileError ? keysFileFailure(error) : error
  }
}

function keysLine(count: number | undefined): string {
  if (count === undefined) return ''
  if (count === 0) return 'no key is accepted yet, so no client is: mcplex keys create makes one\n'
  return `clients need one of ${count} API ${count === 1 ? 'key' : 'keys'}\n`
}

function table(values: readonly ResolvedValue[]): string {
  const width = (texts: readonly string[]): number => Math.min(Math.max(0, ...texts.map((text) => text.length)), 60)
  const paths = width(values.map(({ path }) => path))
  const texts = width(values.map(({ value }) => value))
  const origins = width(values.map(({ origin }) => origin))
  return values
    .map(({ path, value, origin, needsRestart }) => {
      const restart = needsRestart ? 'needs a restart' : ''
      return `${`${path.padEnd(paths)}  ${value.padEnd(texts)}  ${origin.padEnd(origins)}  ${restart}`.trimEnd()}\n`
    })
    .join('')
}

/** Names the upstreams because of which the endpoint of all of them, and the named ones, may refuse clients without sessions. */
function eraLines({ settings }: LoadedFile, running: RunningInstance | undefined): string[] {
  const refusing = refusingAt(settings, running?.eras)
  const shown = ['/mcp', ...Object.keys(settings.endpoints).map((name) => `/mcp/${name}`)]
  return shown.map((path) => {
    const names = refusing.get(path) ?? []
    if (names.length === 0) return `clients of 2026-07-28 are served without sessions at ${path}\n`
    return `clients that speak only 2026-07-28 are refused at ${path} because of ${names.join(', ')}; set stateless: principal, call or shared there to serve them without sessions\n`
  })
}

function summary({ settings: { upstreams, endpoints }, warnings }: LoadedFile): string {
  const count = (names: readonly string[], one: string, several: string): string =>
    `${names.length} ${names.length === 1 ? one : several} (${names.join(', ')})`
  const parts = [
    count(Object.keys(upstreams), 'upstream', 'upstreams'),
    ...(Object.keys(endpoints).length === 0 ? [] : [count(Object.keys(endpoints), 'endpoint', 'endpoints')]),
    warnings.length === 0 ? 'no problems' : `${warnings.length} ${warnings.length === 1 ? 'warning' : 'warnings'}`,
  ]
  return parts.join(', ')
}
