/**
 * Variables that look like ours and are none: they were meant to say something, and would be ignored without a word.
 */
import { unknownKey } from './assemble.ts'
import { didYouMean } from './did-you-mean.ts'
import type { Problem } from './problem.ts'
import { schema } from './schema.ts'

const prefix = 'MCPLEX_'

/** Variables of ours that are no option of a gateway. */
const others = ['MCPLEX_API_KEY']

/** What an mcplex gives to its server: ours, if we are behind another one. It is no option, and no slip either. */
const given = ['MCPLEX_WORKER']

/** What Kubernetes tells every pod of a service that is named `mcplex` or `mcplex-…`; the values are URLs or numbers. */
const serviceLink = /_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/
const serviceUrl = /^(tcp|udp|sctp):\/\//

/**
 * A problem for each variable that begins with `MCPLEX_`, is set and is not known.
 * @param handedOver names that are meant for the server behind us, whatever they are
 */
export function unknownVariables(
  env: Readonly<Record<string, string | undefined>>,
  handedOver: readonly string[],
): Problem[] {
  const own = schema.flatMap((row) => row.ownEnv ?? [])
  const known = new Set([...own, ...others, ...given, ...handedOver])
  return Object.entries(env)
    .filter(([name, text = '']) => name.startsWith(prefix) && text !== '' && !known.has(name) && !isLink(name, text))
    .map(([name]) => unknownKey(name, own, meant(name, own)))
}

function isLink(name: string, text: string): boolean {
  return serviceLink.test(name) || (name.endsWith('_PORT') && serviceUrl.test(text))
}

/** The option without its room is the likeliest slip: `MCPLEX_PORT`. */
function meant(name: string, own: readonly string[]): string | undefined {
  const key = `__${name.slice(prefix.length)}`
  return own.find((candidate) => candidate.endsWith(key)) ?? didYouMean(name, [...own, ...others])
}
