/** The settings of named endpoints, the parts of all upstreams that their clients see, and of names. */
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

export interface AliasSettings {
  /** Names of tools and prompts on `/mcp`, by their other names. */
  readonly aliases: Readonly<Record<string, string>>
}

export const aliasOptions: OptionTable<AliasSettings> = {
  aliases: {
    kind: 'given',
    about:
      'Other names for tools and prompts, each with their name on /mcp: `{ search: brave__web_search }`. Lists show it in place of that name, which still works.',
    default: { derived: 'none' },
    why: 'They are for prompts and rules of clients that know a tool by another name, and for long names.',
  },
}
