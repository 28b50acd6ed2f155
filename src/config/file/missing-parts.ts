/**
 * Finds what upstreams name and this machine lacks: a program, a working directory, the file of a module, a limit that can
 * be enforced. They are looked for as the start of the server does, but nothing is started.
 */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { isProgram, pathOfSystem, programFiles } from '../../base/find-program.ts'
import { installCommand, missingPackages } from '../../upstreams/module/options.ts'
import { unenforceableLimits } from '../../upstreams/stdio/options.ts'
import type { UpstreamSetup } from '../../upstreams/options.ts'
import type { Problem } from '../problem.ts'
import type { ProvidedUpstream } from '../provided.ts'

/** @param provided where the settings of each upstream stand */
export function missingParts(
  upstreams: Readonly<Record<string, UpstreamSetup>>,
  provided: ReadonlyMap<string, ProvidedUpstream>,
): Problem[] {
  return Object.entries(upstreams).flatMap(([name, setup]) => {
    const tell = tellerOf(name, provided)
    return setup.kind === 'module' ? ofModule(setup, tell) : ofCommand(setup, tell)
  })
}

/** The limits without which upstreams are started because `limits.bestEffort` is set. @param provided as that of `missingParts` */
export function excusedLimits(
  upstreams: Readonly<Record<string, UpstreamSetup>>,
  provided: ReadonlyMap<string, ProvidedUpstream>,
): Problem[] {
  return Object.entries(upstreams).flatMap(([name, setup]) => {
    if (setup.kind === 'module' || !setup.limitBestEffort) return []
    const excused = unenforceableLimits(setup).filter(({ isExcusable }) => isExcusable)
    const fault = 'cannot be enforced here, and limits.bestEffort starts the server without'
    return excused.map(({ key, ways: [way = ''] }) => tellerOf(name, provided)(key, fault, waysOf([way])))
  })
}

function tellerOf(name: string, provided: ReadonlyMap<string, ProvidedUpstream>): Tell {
  return (key, fault, notes) => {
    const value = provided.get(name)?.values.get(key)
    return {
      code: 'config_missing',
      where: value?.where ?? `upstreams.${name}.${key}`,
      message: `${value?.quote ?? `upstreams.${name}.${key}`} ${fault}`,
      notes,
      ...(value?.place && { place: value.place }),
    }
  }
}

/** @param fault completes a sentence that begins with the setting */
type Tell = (key: string, fault: string, notes: Problem['notes']) => Problem

function ofModule({ module }: Extract<UpstreamSetup, { kind: 'module' }>, tell: Tell): Problem[] {
  if (typeof module !== 'string') return []
  if (kindOf(module) === 'file') {
    const names = missingPackages(module)
    if (names.length === 0) return []
    return [
      tell('module', `imports ${names.join(', ')}, which ${names.length === 1 ? 'is' : 'are'} not installed`, [
        ['note', 'packages are looked for in node_modules, beside the module and in the folders above'],
        ['try', `in the folder of the module: ${installCommand(names)}`],
      ]),
    ]
  }
  const fault = kindOf(module) === undefined ? 'is not there' : 'is no file'
  return [
    tell('module', fault, [
      ['note', 'a relative path begins at the folder of the configuration file'],
      ['try', 'another path, or mcplex init --tools in an empty folder for a module to start from'],
    ]),
  ]
}

function ofCommand(setup: Extract<UpstreamSetup, { kind: 'stdio' }>, tell: Tell): Problem[] {
  const limits = unenforceableLimits(setup).filter(({ isExcusable }) => !isExcusable || !setup.limitBestEffort)
  return [...ofProgram(setup, tell), ...limits.map(({ key, fault, ways }) => tell(key, fault, waysOf(ways)))]
}

function waysOf(ways: readonly string[]): Problem['notes'] {
  return ways.map((way, at) => [at === 0 ? 'try' : 'or', way] as const)
}

function ofProgram(setup: Extract<UpstreamSetup, { kind: 'stdio' }>, tell: Tell): Problem[] {
  const { command, env } = setup
  const folder = resolve(setup.cwd ?? '.')
  const kind = kindOf(folder)
  if (setup.cwd !== undefined && kind !== 'folder')
    return [
      tell('cwd', kind === undefined ? 'is not there' : 'is no directory', [
        ['note', 'a relative path begins at the folder of the configuration file'],
        ['try', `mkdir -p ${JSON.stringify(folder)}, or another cwd`],
      ]),
    ]
  // There, programs are also found by the endings of their names.
  if (process.platform === 'win32') return []
  if (command.includes('/')) return ofPath(resolve(folder, command), command, tell)
  const path = env['PATH'] ?? pathOfSystem
  const found = programFiles(command, path, folder)
  if (found.some(isProgram)) return []
  const unusable = found.find((file) => kindOf(file) === 'file')
  if (unusable !== undefined) return [notToBeRun(unusable, tell)]
  return [
    tell('command', 'is not found in PATH', [
      ['looked in', path],
      ['try', 'the whole path of the program: in a shell, `command -v` prints it'],
      ['or', 'env: { PATH: ... } at this upstream, if the program is in another directory'],
    ]),
  ]
}

function ofPath(file: string, command: string, tell: Tell): Problem[] {
  if (isProgram(file)) return []
  if (kindOf(file) === 'file') return [notToBeRun(file, tell)]
  const isRelative = file !== command
  return [
    tell('command', kindOf(file) === undefined ? 'is not there' : 'is a directory', [
      ...(isRelative ? [['looked for', file] as const] : []),
      ['try', isRelative ? 'another path, or cwd: the server is looked for from there' : 'another path'],
    ]),
  ]
}

function notToBeRun(file: string, tell: Tell): Problem {
  return tell('command', 'may not be run by this user', [['try', `chmod +x ${JSON.stringify(file)}`]])
}

/** What is at a path; undefined if there is nothing that this user can see. */
function kindOf(path: string): 'file' | 'folder' | 'other' | undefined {
  try {
    const stats = statSync(path)
    return stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other'
  } catch {
    return undefined
  }
}
