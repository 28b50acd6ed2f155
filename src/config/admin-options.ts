/** How operators find a running mcplex. Only the command has these settings. */
import type { OptionTable } from '../base/option.ts'

export interface AdminSettings {
  /** Whether a file says where this process serves, for other commands of the same user. */
  readonly runtimeFile: boolean
}

export const adminOptions: OptionTable<AdminSettings> = {
  runtimeFile: {
    kind: 'switch',
    about:
      'Whether mcplex says in a file where it serves while it runs, so that other commands of the same user find it: in $XDG_RUNTIME_DIR/mcplex, or in a folder of this user among the temporary files.',
    default: true,
    why: 'The file is small, holds no secret, and only its user can read it.',
  },
}
