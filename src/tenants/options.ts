/** The settings of a tenant: what its callers may use. */
import type { OptionTable, Shape } from '../base/option.ts'

export interface TenantSettings {
  /** Patterns of the names of upstreams of which the tenant may use everything, unless another list narrows it down. */
  readonly upstreams: readonly string[]
  /** Patterns of the names or paths of endpoints. */
  readonly endpoints: readonly string[]
  /** Patterns of the names of tools, prompts, and URIs of resources, as `/mcp` shows them. */
  readonly tools: readonly string[]
  readonly prompts: readonly string[]
  readonly resources: readonly string[]
}

const names: Shape = {
  accepted: 'names or patterns, such as github__* or !github__delete_*',
  test: (text) => /^!?[A-Za-z0-9_.\-/*]{1,128}$/.test(text),
}

const uris: Shape = {
  accepted: 'URIs or patterns of them, such as mcplex://files/file:///notes/*',
  test: (text) => /^!?[!-~]{1,2048}$/.test(text),
}

const onlyIfGiven = 'Nothing is allowed to a tenant that the file does not allow.'

export const tenantOptions: OptionTable<TenantSettings> = {
  upstreams: {
    kind: 'list',
    about:
      'The servers that the tenant may use, by name: all of their tools, prompts and resources, unless one of the other lists narrows them down. `*` stands for any characters; a pattern that begins with `!` takes away again.',
    default: [],
    shape: names,
    why: onlyIfGiven,
  },
  tools: {
    kind: 'list',
    about:
      'The tools that the tenant sees and may call, by their names on /mcp. Without `upstreams`, they are all that the tenant may use.',
    default: [],
    shape: names,
    why: 'Without patterns, all tools of the servers in `upstreams`.',
  },
  prompts: {
    kind: 'list',
    about: 'The prompts that the tenant sees and may get, by their names on /mcp.',
    default: [],
    shape: names,
    why: 'Without patterns, all prompts of the servers in `upstreams`.',
  },
  resources: {
    kind: 'list',
    about:
      'The resources that the tenant sees and may read, by their URIs on /mcp, and templates of URIs by their text. Each spelling of a URI, encoded or not, must be allowed.',
    default: [],
    shape: uris,
    why: 'Without patterns, all resources of the servers in `upstreams`.',
  },
  endpoints: {
    kind: 'list',
    about:
      'The endpoints that the tenant may use, by name or path: `support`, `/mcp/*`; `/mcp` is that of all servers.',
    default: [],
    shape: names,
    why: 'Without patterns, every endpoint at which the tenant may use something.',
  },
}
