/** How clients reach the command: a program decides that by what it does with the gateway. */
import type { OptionTable } from '../base/option.ts'

export interface ClientSettings {
  /** HTTP for many clients, or our own stdin and stdout for the one that has started us. */
  readonly transport: 'http' | 'stdio'
}

export const clientOptions: OptionTable<ClientSettings> = {
  transport: {
    path: 'listen.transport',
    kind: 'choice',
    flag: 'transport',
    env: 'MCP_TRANSPORT',
    about:
      'How clients reach it: http for many, or stdio for the one that starts mcplex and speaks to it through pipes; no port is opened then.',
    choices: ['http', 'stdio'],
    default: 'http',
    why: 'Many clients at once is what mcplex is for; a client that can only start a command needs stdio.',
  },
}
