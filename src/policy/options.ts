/** The settings `policy`: the webhook of the operator that decides on calls. */
import { isFetchable } from '../base/fetchable-url.ts'
import type { OptionTable } from '../base/option.ts'
import { isWebhookSecret } from './webhook-key.ts'

export interface PolicySettings {
  /** Undefined for none. */
  readonly url: string | undefined
  /** What questions are signed with. */
  readonly secret: string | undefined
  /** For one decision, in milliseconds. */
  readonly deadlineMs: number
  /** Whether calls are refused if no decision can be had. */
  readonly failClosed: boolean
  /** Whether results are decided on as well. */
  readonly results: boolean
  /** Of a question and of its answer. */
  readonly maxBytes: number
}

export const policyOptions: OptionTable<PolicySettings> = {
  url: {
    kind: 'text',
    about:
      'The URL of a webhook that decides on each call of a tool, a prompt or a resource before it runs (docs/policy.md): it passes the call, changes its arguments, or refuses it with a reason.',
    default: { derived: 'none' },
    shape: {
      accepted:
        'a URL over https (or of this machine) without credentials or a query in it: https://policy.example.com/decide',
      test: (text) => isFetchable(text) && !text.includes('?'),
    },
    why: 'Without it, calls cost nothing more.',
  },
  secret: {
    kind: 'text',
    about:
      'What questions to the webhook are signed with, as Standard Webhooks describes it: `whsec_` and base64, or any other text of 24 characters or more.',
    default: { derived: 'none' },
    secretIn: (text) => text,
    shape: {
      accepted: 'whsec_ and base64 of 24 bytes or more, or another text of 24 to 512 characters',
      test: isWebhookSecret,
    },
    why: 'A webhook that answers anybody tells anybody what it refuses, so it has to tell questions of mcplex from others.',
  },
  deadlineMs: {
    kind: 'duration',
    about: 'How long one decision may take. The call waits for it.',
    default: 2000,
    min: 10,
    max: 60_000,
    why: 'A program that looks at a few fields takes milliseconds, and a detector that asks a model a second.',
  },
  failClosed: {
    kind: 'switch',
    about:
      'Whether calls are refused if the webhook gives no decision: it is slow or dead, or answers something else. If off, they pass.',
    default: true,
    why: 'A policy that can be made to fail by its own caller would protect nothing.',
  },
  results: {
    kind: 'switch',
    about: 'Whether the webhook also decides on the results of calls: it passes, changes or refuses them.',
    default: false,
    why: 'Each result goes over the network once more, and many policies need the arguments alone.',
  },
  maxBytes: {
    path: 'policy.maxSize',
    kind: 'bytes',
    about:
      'How large a question to the webhook, and its answer, may be. No decision can be had on a larger call or result.',
    default: 1024 * 1024,
    min: 1024,
    max: 64 * 1024 * 1024,
    why: 'Arguments and results with images in them stay below it, and an answer that never ends does no harm.',
  },
}
