/** The settings of an upstream that is a module of this process. */
import type { OptionTable } from '../../base/option.ts'

/** For `config`, which says what a module lacks. */
export { installCommand, missingPackages } from './missing-packages.ts'

/** Makes a server object of an official SDK: `McpServer` or `Server`, of either major. A new one at each call. */
export type ServerFactory = (context: ServerFactoryContext) => unknown

/** What a factory is told; factories of `createMcpHandler` take the same. */
export interface ServerFactoryContext {
  /** Always the session-based era: clients of the other one are translated. */
  readonly era: 'legacy'
  /** The session that the server object is for; undefined if it is for several clients, or asked for lists alone. */
  readonly sessionId: string | undefined
}

export interface ModuleSettings {
  /** The path of the module, or the factory itself. */
  readonly module: string | ServerFactory
  /** Whether it runs in a thread of its own. Only with a path. */
  readonly isolate: boolean
  /** Whether all clients get the same lists, or each session asks its own server object. */
  readonly cacheScope: 'private' | 'public'
}

export const moduleOptions: OptionTable<ModuleSettings> = {
  module: {
    kind: 'given',
    about: 'The path of a JavaScript or TypeScript module that exports a function which makes an SDK server.',
    default: { derived: 'none: an upstream has a command or a module' },
    why: 'There is no server to serve otherwise.',
  },
  isolate: {
    kind: 'switch',
    about: 'Runs the module in a thread of its own.',
    default: false,
    why: 'A call costs less in the same thread. A module that computes for long, or is not yours, is better off in a thread: it cannot stop other servers there.',
  },
  cacheScope: {
    kind: 'choice',
    about:
      'Whether the lists of the module are the same for all clients (public), or asked for each session (private).',
    choices: ['private', 'public'],
    default: 'private',
    why: 'A handler may list what its own caller may use. If it does not, public saves a server object for clients that only list.',
  },
}
