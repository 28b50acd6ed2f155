/**
 * Maps the paths of a server that mcplex is mounted in to the paths of the standalone server, so that all other code
 * knows one set of paths. Pure.
 */
import { endpointPath, readEndpointPath } from '../../protocol/endpoint-path.ts'
import type { HttpSettings } from './options.ts'
import type { RequestTarget } from './routes.ts'

/** Options of one handler, which override the settings of its gateway. */
export interface HandlerOptions extends Partial<Pick<HttpSettings, 'allowHosts' | 'allowOrigins' | 'maxBodyBytes'>> {
  /**
   * The path of the endpoint, `/mcp` by default: as clients write it, or the rest of it that a framework passes on
   * below a mount. `*`: the framework routes, and each request is for the endpoint.
   */
  readonly path?: string
}

/** Maps a path of the framework to a standalone path; other paths become one that no route matches. */
export type Mount = (path: string) => string

/**
 * @param path the path of the endpoint, such as `/api/mcp`; other paths are served beside it, such as `/api/health`.
 * `*` means that the framework routes: each request is for the endpoint.
 * @throws TypeError if it is neither `*` nor a path that begins with a slash
 */
export function mountAt(path: string): Mount {
  if (path === '*') return () => endpointPath
  if (path === endpointPath) return (shown) => shown
  if (!path.startsWith('/') || /[?#]/.test(path))
    throw new TypeError(`path ${JSON.stringify(path)} is not a path that begins with a slash, and not '*'`)
  const folder = beside(path, '')
  return (shown) => {
    if (shown === path || shown === `${path}/`) return endpointPath
    // The endpoints of single upstreams and views are below the one of all.
    if (path !== '/' && shown.startsWith(`${path}/`)) return endpointPath + shown.slice(path.length)
    const rest = shown.startsWith(`${folder}/`) ? shown.slice(folder.length) : ''
    // No endpoint is served under its standalone name as well.
    return readEndpointPath(rest)?.kind === 'mcp' ? '' : rest
  }
}

/** The path of a name beside an endpoint: `/api/health` beside `/api/mcp`. */
export function beside(path: string, name: string): string {
  return path.slice(0, path.lastIndexOf('/')) + name
}

/** A request target with its path mapped by a mount. */
export function mounted(mount: Mount, target: RequestTarget): RequestTarget {
  const path = mount(target.path)
  return path === target.path ? target : { ...target, path }
}
