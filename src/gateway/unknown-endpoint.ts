/**
 * The refusal of a path below which there is no endpoint: it says which ones there are. Their names are no secret to the
 * caller, which has been authenticated: it may use each of them, and where there are tenants, only those of its own are told.
 */
import { didYouMean } from '../base/did-you-mean.ts'
import { Refusal } from '../base/refusal.ts'

/** The most names that are told, and that are compared with the one that was asked for. */
const mostTold = 20
const mostCompared = 200

/** @param names those of all endpoints; that of all upstreams has the empty name */
export function unknownEndpoint(asked: string, names: readonly string[]): Refusal {
  const others = names.filter((name) => name !== asked)
  const named = others.filter((name) => name !== '')
  const meant = didYouMean(asked, named.slice(0, mostCompared))
  const question = meant === undefined ? '.' : `; did you mean ${meant}?`
  const unnamed =
    named.length === 0 ? 'There is no endpoint at this URL.' : 'This URL lacks the name of an endpoint at its end.'
  const what = asked === '' ? unnamed : `There is no endpoint named ${asked}${question}`
  if (others.length === 0) return new Refusal('not_found', { message: what })
  const told = [named.slice(0, mostTold).join(', ')]
  if (named.length > mostTold) told[0] += ` and ${named.length - mostTold} more`
  if (named.length < others.length) told.push('the one without a name')
  const known = told.filter((part) => part !== '').join(', and ')
  const are = others.length > 1 ? 'There are' : 'There is only'
  return new Refusal('not_found', { message: `${what} ${are} ${known}.` })
}
