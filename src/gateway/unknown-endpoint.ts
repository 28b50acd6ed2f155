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
  const named = names.filter((name) => name !== '')
  const meant = didYouMean(asked, named.slice(0, mostCompared))
  const told = named.slice(0, mostTold).join(', ')
  const more = named.length > mostTold ? ` and ${named.length - mostTold} more` : ''
  const question = meant === undefined ? '' : `; did you mean ${meant}?`
  const known =
    named.length === 0
      ? 'There is only the one without a name.'
      : `There are ${told}${more}, and the one without a name.`
  return new Refusal('not_found', {
    message: `There is no endpoint named ${asked}${question === '' ? '.' : question} ${known}`,
  })
}
