/**
 * Where a handler finds itself in a server of somebody else. Pure: the path that the framework shows becomes the
 * path that the standalone server would have seen, so that everything behind knows one set of paths only.
 */
import type { HttpSettings } from './options.ts'
import { endpointPath, type RequestTarget } from './routes.ts'

/** What one handler does otherwise than its gateway says. */
export interface HandlerOptions extends Partial<Pick<HttpSettings, 'allowHosts' | 'allowOrigins' | 'maxBodyBytes'>> {
  /**
   * The path of the endpoint, `/mcp` if nothing is said: as clients write it, or what a framework leaves of it behind
   * a mount. `*`: the framework has chosen, and each request is for the endpoint.
   */
  readonly path?: string
}

/** From a path as the framework shows it to a path of ours; one that is not ours comes out as `not_found` takes it. */
export type Mount = (path: string) => string

/**
 * @param path the endpoint's path, as `/api/mcp`; whatever else is served lies beside it, as `/api/health`. A lone `*`
 * says that the framework has chosen: each request that comes is for the endpoint.
 * @throws TypeError if it is neither `*` nor begins with a slash
 */
export function mountAt(path: string): Mount {
  if (path === '*') return () => endpointPath
  if (path === endpointPath) return (shown) => shown
  if (!path.startsWith('/') || /[?#]/.test(path))
    throw new TypeError(`path ${JSON.stringify(path)} is not a path that begins with a slash, and not '*'`)
  const folder = beside(path, '')
  return (shown) => {
    if (shown === path || shown === `${path}/`) return endpointPath
    const rest = shown.startsWith(`${folder}/`) ? shown.slice(folder.length) : ''
    // The endpoint's own name is not served twice.
    return rest === endpointPath || rest === `${endpointPath}/` ? '' : rest
  }
}

/** The path of what lies beside an endpoint: `/api/health` beside `/api/mcp`. */
export function beside(path: string, name: string): string {
  return path.slice(0, path.lastIndexOf('/')) + name
}

/** A target, seen through a mount. */
export function mounted(mount: Mount, target: RequestTarget): RequestTarget {
  const path = mount(target.path)
  return path === target.path ? target : { ...target, path }
}
