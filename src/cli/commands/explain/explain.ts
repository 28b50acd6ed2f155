/** The verb `explain`: what would happen to a call of a tenant, and by which line of the file. */
import type { ApiExplainedStep, ApiExplanation } from '../../../admin/answers.ts'
import { terminalSafeLine } from '../../../base/terminal-safe.ts'
import type { Environment } from '../../../config/environment.ts'
import { ConfigError } from '../../../config/problem.ts'
import type { AskedCall } from '../../../gateway/explanation/asked-call.ts'
import { explainBySettings } from '../../../gateway/explanation/explain-settings.ts'
import { askDoor, chooseDoor, type Door, doorOf } from '../../door.ts'
import type { Outputs } from '../../outputs.ts'
import { runningInstances } from '../../running-instances.ts'
import type { ExplainRequest } from './command.ts'
import { type ExplainedFile, readExplainedFile, usedFile } from './explained-file.ts'

/**
 * @returns the exit code: 0 if the call would run, 1 if it would be refused
 * @throws CommandFailed or ConfigError if neither a file nor an instance can be asked
 */
export async function explain(request: ExplainRequest, machine: Environment, outputs: Outputs): Promise<number> {
  const { asked, isJson, isQuiet } = request
  const { stdout, stderr } = outputs
  const path = usedFile(request.door, machine.env)
  const door = request.isFileAlone ? undefined : doorFor(request, path, machine.env)
  const answered = door && (await askDoor(door, 'explain', { query: queryOf(asked) }))
  const file = fileOf(path, machine, answered !== undefined)
  const byFile = file && 'settings' in file ? explainBySettings(asked, file.settings) : undefined
  const found: ApiExplanation | undefined = answered ?? byFile
  if (!found) throw new Error('neither a file nor an instance was asked')
  const steps = found.steps.map((one) => ({ ...one, origin: originOf(one, file) }))
  const differs = answered && byFile && settingsRefusal(answered) !== settingsRefusal(byFile) ? byFile : undefined
  if (isJson) {
    const { tenant, endpoint, method, names } = asked
    const told = {
      event: 'explained',
      pid: door?.pid,
      file: file?.name,
      call: { tenant, endpoint, method, ...names },
      ...found,
      steps,
      ...(differs && { byFile: { runs: differs.runs, refusal: differs.refusal } }),
    }
    stdout.write(`${JSON.stringify(told)}\n`)
  } else {
    stdout.write(`${headline(asked, found)}\n${steps.map(lineOf).join('')}`)
    if (!isQuiet) for (const note of notes(door, file, differs)) stderr.write(`${note}\n`)
  }
  return found.runs ? 0 : 1
}

/** The instance that serves the file, or that is named; undefined if the file is to be asked alone. */
function doorFor({ door }: ExplainRequest, path: string | undefined, env: Environment['env']): Door | undefined {
  if (door.admin !== undefined || door.pid !== undefined || path === undefined) return chooseDoor(door, env)
  const instance = runningInstances(env).find(({ config }) => config === path)
  const place = instance && doorOf(instance, env)
  return place && { place, name: `the mcplex with process id ${instance.pid}`, pid: instance.pid }
}

/** The file; if an instance answers, what is wrong with the file does not matter. */
function fileOf(
  path: string | undefined,
  machine: Environment,
  isAnswered: boolean,
): ExplainedFile | { readonly name: string; readonly fault: string } | undefined {
  if (path === undefined) return undefined
  try {
    return readExplainedFile(path, machine)
  } catch (error) {
    if (!isAnswered || !(error instanceof ConfigError)) throw error
    return { name: path, fault: error.message }
  }
}

function originOf({ by }: ApiExplainedStep, file: ReturnType<typeof fileOf>): string | undefined {
  return by && file && 'origin' in file ? file.origin(by.option, by.text) : undefined
}

function queryOf({ names, scopes, ...one }: AskedCall): Readonly<Record<string, string | undefined>> {
  return { ...one, ...names, scopes: scopes?.join(' ') }
}

/** The steps that settings alone decide. */
const bySettings: ReadonlySet<string> = new Set(['tenant', 'endpoint', 'scopes', 'server', 'name'])

function settingsRefusal({ steps }: Pick<ApiExplanation, 'steps'>): string {
  const first = steps.find(({ step, passes }) => !passes && bySettings.has(step))
  return first?.refusal ?? ''
}

function headline({ tenant, endpoint, method, names }: AskedCall, found: ApiExplanation): string {
  const name = names.tool ?? names.prompt ?? names.resource
  const what = [method, name, `at /mcp${endpoint === '' ? '' : `/${endpoint}`}`, `for the tenant ${tenant}`]
  const call = what.filter((part) => part !== undefined).join(' ')
  const verdict = found.runs ? (found.waits ? 'waits' : 'runs') : `refused with ${found.refusal ?? 'an error'}`
  const where = found.runs && found.upstream !== undefined ? ` at ${found.upstream}` : ''
  return terminalSafeLine(`${verdict}${where}: ${call}`, maxLine)
}

const maxLine = 1000

function lineOf({
  step,
  passes,
  says,
  by,
  origin,
}: ApiExplainedStep & { readonly origin: string | undefined }): string {
  const first = `  ${passes ? 'ok' : 'no'}  ${step.padEnd(9)}  ${terminalSafeLine(says, maxLine)}\n`
  if (!by) return first
  const value = by.text === undefined ? by.option : `${by.option}: ${by.text}`
  return `${first}                 ${terminalSafeLine(origin === undefined ? value : `${origin}  ${value}`, maxLine)}\n`
}

function notes(
  door: Door | undefined,
  file: ReturnType<typeof fileOf>,
  differs: { readonly runs: boolean; readonly refusal: string | undefined } | undefined,
): string[] {
  if (!door)
    return ['no mcplex runs with this file: what servers list, what is left of limits and how servers are is not known']
  if (file && 'fault' in file)
    return [`the file is not as it should be, so no lines are told: mcplex check ${file.name}`]
  if (!differs) return []
  const instead = differs.runs ? 'the call would run' : `it would be refused with ${differs.refusal ?? 'an error'}`
  const way = 'mcplex reload applies it, or says why not; some options need a restart'
  return [`${door.name} has other settings than the file as it is now: by that, ${instead} (${way})`]
}
