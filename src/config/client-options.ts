/** How clients reach mcplex. Only the command has this setting: a program decides it by how it uses the gateway. */
import type { OptionTable } from '../base/option.ts'

export interface ClientSettings {
  /** HTTP for many clients, or stdin and stdout of this process for the client that started it. */
  readonly transport: 'http' | 'stdio'
}

export const clientOptions: OptionTable<ClientSettings> = {
  transport: {
    path: 'listen.transport',
    kind: 'choice',
    flag: 'transport',
    env: 'MCP_TRANSPORT',
    about:
      'How clients reach it: http for many clients, or stdio for one client that starts mcplex itself and talks to it through pipes. With stdio no port is opened.',
    choices: ['http', 'stdio'],
    default: 'http',
    why: 'mcplex is made for many clients at once; a client that can only start a command needs stdio.',
  },
}
