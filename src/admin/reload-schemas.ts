/** The schemas of the answers about reloads. */
import { z } from 'zod'
import type { ApiReloads } from './answers.ts'

const names = z.array(z.string())
const number = z.int().min(0)
const ofNames = { added: names, changed: names, removed: names }

const change = z.object({
  ...ofNames,
  endpoints: z.object(ofNames),
  tenants: z.object(ofNames),
  aliases: z.boolean(),
  auth: z.boolean(),
  needsRestart: names.describe('Paths of options.'),
  renamed: z
    .array(z.object({ upstream: z.string(), prefix: z.string() }))
    .describe('Upstreams whose tools have other names now, with what stands before them.'),
})

export const reloads: z.ZodType<ApiReloads> = z.object({
  begun: number,
  last: z
    .object({
      number,
      applied: z.boolean().describe('Whether the settings are in force now; if not, those of before stay.'),
      lines: z.array(z.string()).describe('What has changed, or what is wrong, for people.'),
      change: change.optional(),
      earlier: z
        .object({ at: z.string(), because: z.string() })
        .optional()
        .describe('Given if an earlier reload has applied the same.'),
    })
    .optional(),
})

export const startReload: z.ZodType<{ number: number }> = z.object({
  number: number.describe('Which reload of this instance it is, from 1.'),
})
