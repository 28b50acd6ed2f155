/**
 * The contract of the port `Upstream` as a test suite. Every kind of upstream runs it, and so does the router:
 *
 *   upstreamContract({ describe, it, make: () => ..., makeUnstartable: () => ..., client, ... })
 *
 * It runs in any test runner that has `describe` and `it`. The server behind the upstream has these tools:
 *
 *   echo {text}               returns the text
 *   notify {count}            sends so many progress notifications if the call has a token, then returns
 *   slow {ms, steps}          sends progress at each step, returns at the last; ends when it is cancelled
 *   cancelled {}              returns as JSON how many calls were cancelled: {"count": 1}
 *   ask {kind, message}       asks its client for an elicitation, returns the response as JSON
 *   remember {key, value}     keeps a value as long as the server, or the session at the server, lives
 *   recall {key}              returns it, or an empty text
 *   whoami {}                 returns as JSON how many calls came, this one included, and how many
 *                             `notifications/roots/list_changed`: {"calls": 1, "rootsChanges": 0}
 *   touch-list {}             adds a tool `added_1` and reports that the list of tools has changed
 *   update {uri}              reports that the resource has changed; `echo://nonce` and `echo://calls` are there
 *   crash {}                  ends the server, or its conversation, in mid-call
 *
 * and answers a call of any other tool with the error -32602. The echo servers of test/fixtures/ are such servers.
 */
import { callsContract } from './upstream/calls.ts'
import { catalogContract } from './upstream/catalog.ts'
import { endsContract } from './upstream/ends.ts'
import { runUpstreamTest, type UpstreamContract, type UpstreamTest } from './upstream/fixture.ts'
import { sessionsContract } from './upstream/sessions.ts'
import { startsContract } from './upstream/starts.ts'
import { subscriptionsContract } from './upstream/subscriptions.ts'

export type { UpstreamContract, UpstreamUnderTest } from './upstream/fixture.ts'

/** Defines the tests of the contract in the given test runner. */
export function upstreamContract(contract: UpstreamContract): void {
  const { describe, it, hasSessions } = contract
  const upstreamTest: UpstreamTest = (sentence, run) => void it(sentence, () => runUpstreamTest(contract, run))
  describe('the start', () => startsContract(contract))
  describe('calls', () => callsContract(upstreamTest))
  describe('subscriptions', () => subscriptionsContract(upstreamTest))
  if (hasSessions) describe('sessions', () => sessionsContract(upstreamTest))
  describe('the catalogue', () => catalogContract(contract.isSingle, upstreamTest))
  describe('health and end', () => endsContract(contract, upstreamTest))
}
