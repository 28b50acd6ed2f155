/** The verb `upstreams`: lists the servers and workers of a running instance, and changes one while it is served. */
import type { Environment } from '../../../config/environment.ts'
import { chooseInstance } from '../../choose-instance.ts'
import { chooseDoor, doorOf } from '../../door.ts'
import type { Outputs } from '../../outputs.ts'
import { acceptHeld } from './accept.ts'
import { changeUpstream } from './change.ts'
import type { UpstreamsRequest } from './command.ts'
import { listUpstreams, listWorkers, printUpstreams } from './list.ts'
import { upstreamsByFile } from './list-by-file.ts'

/**
 * @returns the exit code
 * @throws CommandFailed if there is no such instance, server or definition, or the instance does not answer
 */
export async function upstreams(request: UpstreamsRequest, { env }: Environment, outputs: Outputs): Promise<number> {
  const { action, isJson, isQuiet } = request
  if (action.kind === 'accept') return acceptHeld(action, request, env, outputs)
  if (action.kind === 'list' && request.door.admin === undefined) {
    const { folder, instance } = chooseInstance(request.door, env, false)
    if (!doorOf(instance, env))
      return printUpstreams(await upstreamsByFile(folder, instance.pid), instance.pid, isJson, outputs)
  }
  const door = chooseDoor(request.door, env)
  if (action.kind === 'list') return listUpstreams(door, isJson, outputs)
  if (action.kind === 'workers') return listWorkers(door, action.upstream, isJson, outputs)
  return changeUpstream(action, door, { isJson, isQuiet }, outputs)
}
