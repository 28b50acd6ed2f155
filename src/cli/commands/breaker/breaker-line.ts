/** The circuit breaker of a server in words. */
import type { ApiBreaker } from '../../../admin/answers.ts'
import { timeLeft } from '../../table.ts'

export function breakerLine(upstream: string, { state, forced, retryInMs }: ApiBreaker): string {
  const held = forced ? ', held by an operator until `mcplex breaker auto`' : ''
  switch (state) {
    case 'closed':
      return `${upstream}: the circuit breaker is closed${held}: calls run`
    case 'half_open':
      return `${upstream}: the circuit breaker lets one call through, which decides`
    case 'open': {
      const next = retryInMs === undefined ? '' : `; the next call is let through in ${timeLeft(retryInMs)}`
      return `${upstream}: the circuit breaker is open${held}: calls are refused${next}`
    }
  }
}
