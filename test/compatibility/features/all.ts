/** Every row of the table, in its order. */
import { acquaintance } from './handshake.ts'
import { calls } from './calls.ts'
import { extensions } from './extensions.ts'
import type { Feature } from './feature.ts'
import { listFeatures } from './lists.ts'
import { questions } from './input-requests.ts'
import { reading } from './prompts-and-resources.ts'
import { running } from './running-calls.ts'

export const features: readonly Feature[] = [
  ...acquaintance,
  ...listFeatures,
  ...calls,
  ...reading,
  ...running,
  ...questions,
  ...extensions,
]
