/** What the runtime file says of an instance. */
import { resolve } from 'node:path'
import type { InstanceFacts } from '../../runtime-file.ts'
import { whereServed } from './banner.ts'
import type { Ready } from './ready.ts'

/** A server may give itself names of any length. */
const maxNameChars = 200

/** The most names of upstreams. */
const maxUpstreams = 100

export function namesOf({ upstreams }: Pick<Ready['settings'], 'upstreams'>): readonly string[] {
  return Object.keys(upstreams).slice(0, maxUpstreams)
}

/** Of an instance that serves clients over HTTP. */
export function httpInstance(ready: Ready): InstanceFacts {
  const { socket } = ready
  return {
    server: serverOf(ready.server),
    transport: 'http',
    ...whereServed(ready),
    upstreams: namesOf(ready.settings),
    // Readers may run in another folder.
    ...(socket !== undefined && { socket: resolve(socket) }),
  }
}

/** Of an instance that serves one client on stdin and stdout. */
export function stdioInstance(server: Ready['server']): InstanceFacts {
  return { server: serverOf(server), transport: 'stdio' }
}

/** A server as the runtime file names it. */
export function serverOf({ name, version }: Pick<Ready['server'], 'name' | 'version'>): InstanceFacts['server'] {
  return {
    name: name.slice(0, maxNameChars),
    ...(version !== undefined && { version: version.slice(0, maxNameChars) }),
  }
}
