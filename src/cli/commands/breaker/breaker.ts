/** The verb `breaker`: holds the circuit breaker of a server of a running instance open or closed. */
import { terminalSafeLine } from '../../../base/terminal-safe.ts'
import type { Environment } from '../../../config/environment.ts'
import { askDoor, chooseDoor } from '../../door.ts'
import type { Outputs } from '../../outputs.ts'
import { breakerLine } from './breaker-line.ts'
import type { BreakerRequest } from './command.ts'

const maxLine = 500

/**
 * @returns the exit code
 * @throws CommandFailed if there is no such instance or server, or it does not answer
 */
export async function breaker(request: BreakerRequest, { env }: Environment, outputs: Outputs): Promise<number> {
  const { isJson, isQuiet, word, upstream } = request
  const door = chooseDoor(request.door, env)
  const answer = await askDoor(door, 'setBreaker', { segments: { upstream }, body: { state: word } })
  if (isJson) outputs.stdout.write(`${JSON.stringify({ event: 'breaker', pid: door.pid, ...answer })}\n`)
  else if (!isQuiet) {
    const already = answer.changed ? '' : ' (as before)'
    outputs.stderr.write(`${terminalSafeLine(`${breakerLine(upstream, answer.breaker)}${already}`, maxLine)}\n`)
  }
  return 0
}
