/** The settings of a named endpoint: the part of all upstreams that its clients see. */
import type { OptionTable } from '../base/option.ts'

export interface EndpointSettings {
  /** Patterns of the names of tools as the merged endpoint shows them; none: all tools. */
  readonly tools: readonly string[]
}

export const endpointOptions: OptionTable<EndpointSettings> = {
  tools: {
    kind: 'list',
    about:
      'The tools that clients of the endpoint see and may call, by their names on /mcp. `*` stands for any characters; a pattern that begins with `!` takes tools away again.',
    default: [],
    shape: {
      accepted: 'names or patterns of tools, such as github__* or !github__delete_*',
      test: (text) => /^!?[A-Za-z0-9_.\-/*]{1,128}$/.test(text),
    },
    why: 'Without patterns the endpoint shows all tools.',
  },
}
