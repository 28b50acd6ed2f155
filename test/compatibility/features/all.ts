/** Every row of the table, in its order. */
import { acquaintance } from './acquaintance.ts'
import { calls } from './calls.ts'
import { extensions } from './extensions.ts'
import type { Feature } from './feature.ts'
import { listFeatures } from './lists.ts'
import { questions } from './questions.ts'
import { reading } from './reading.ts'
import { running } from './running.ts'

export const features: readonly Feature[] = [
  ...acquaintance,
  ...listFeatures,
  ...calls,
  ...reading,
  ...running,
  ...questions,
  ...extensions,
]
