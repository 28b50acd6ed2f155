/**
 * Finds `MCPLEX_` variables that are no option. They were probably meant to set one, and would be ignored silently.
 */
import { didYouMean } from '../base/did-you-mean.ts'
import type { Problem } from './problem.ts'
import { schema } from './schema.ts'
import { unknownKey } from './unknown-key.ts'

const prefix = 'MCPLEX_'

/** Variables that other verbs of mcplex read. */
const others = ['MCPLEX_API_KEY']

/** Variables that mcplex sets for its server: present here if this mcplex is itself the server behind another one. */
const given = ['MCPLEX_WORKER']

/** Variables that Kubernetes sets in every pod for a service named `mcplex` or `mcplex-…`; the values are URLs or numbers. */
const serviceLink = /_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/
const serviceUrl = /^(tcp|udp|sctp):\/\//

/**
 * A problem for each variable that begins with `MCPLEX_`, is set and is not known.
 * @param passedOn names of variables that are meant for the server behind us
 * @param named variables of the upstreams and endpoints that a file names
 */
export function unknownVariables(
  env: Readonly<Record<string, string | undefined>>,
  passedOn: readonly string[],
  named: readonly string[] = [],
): Problem[] {
  const own = [...schema.flatMap((row) => row.ownEnv ?? []), ...named]
  const known = new Set([...own, ...others, ...given, ...passedOn])
  return Object.entries(env)
    .filter(([name, text = '']) => name.startsWith(prefix) && text !== '' && !known.has(name) && !isLink(name, text))
    .map(([name]) => unknownKey(name, own, meant(name, own)))
}

function isLink(name: string, text: string): boolean {
  return serviceLink.test(name) || (name.endsWith('_PORT') && serviceUrl.test(text))
}

/** The most likely mistake is a variable without the first parts of its path: `MCPLEX_PORT`. */
function meant(name: string, own: readonly string[]): string | undefined {
  const key = `__${name.slice(prefix.length)}`
  return own.find((candidate) => candidate.endsWith(key)) ?? didYouMean(name, [...own, ...others])
}
