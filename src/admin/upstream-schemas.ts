/** Parts of what operators are shown of an upstream, as schemas. schemas.ts says what they are for. */
import { z } from 'zod'
import type { ApiUpstream } from './answers.ts'

const count = z.int().nonnegative()

export const heldDefinition: z.ZodType<ApiUpstream['held'][number]> = z.object({
  tool: z.string(),
  hash: z.string(),
  change: z.string(),
  differs: z.array(z.string()),
})

export const sharedResource: z.ZodType<ApiUpstream['sharedResources'][number]> = z.object({
  kind: z.enum(['lock', 'pool', 'limited']),
  name: z.string().describe('The name, or the path of a file, that the module has given it.'),
  inUse: count.describe('1 if a lock is held; resources of a pool in use; calls that run.'),
  waiting: count.describe('How many wait for it.'),
  oldestWaitMs: count.describe('How long the first of them has waited, in milliseconds.'),
  size: count.optional().describe('How many resources a pool has.'),
})
