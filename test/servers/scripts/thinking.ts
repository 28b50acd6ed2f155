/** The reference server that counts thoughts: what a call gives depends on those before it. */
import { calls, program, type Script, type Step } from '../test-client.ts'

const thinks = (thoughtNumber: number, more: Readonly<Record<string, unknown>> = {}): Step =>
  calls(
    'sequentialthinking',
    {
      thought: `thought ${thoughtNumber}: grüße`,
      thoughtNumber,
      totalThoughts: 3,
      nextThoughtNeeded: thoughtNumber < 3,
      ...more,
    },
    thoughtNumber === 1 ? undefined : 'memory',
  )

const steps: readonly Step[] = [
  ['gets the server description', async ({ client }) => [client.getServerVersion(), client.getServerCapabilities()]],
  ['lists tools', ({ client }) => client.listTools()],
  thinks(1),
  thinks(2, { nextThoughtNeeded: 'true' }),
  thinks(2, { isRevision: true, revisesThought: 1 }),
  thinks(2, { branchFromThought: 1, branchId: 'other' }),
  thinks(3, { totalThoughts: 2 }),
  thinks(0),
  calls('sequentialthinking', { thought: 7 }),
  calls('sequentialthinking'),
]

export const thinking: Script = {
  server: 'server-sequential-thinking',
  keepsThings: false,
  asks: false,
  prepare: () => Promise.resolve({ args: [program('server-sequential-thinking')], env: {}, roots: [], steps }),
  failing: [],
}
