/** The settings `auth`: how clients prove who they are. */
import type { OptionTable } from '../base/option.ts'
import { readKeyLine } from './key-record.ts'

export interface AuthSettings {
  /** Which credentials are accepted: `none` alone, or others side by side. */
  readonly methods: readonly string[]
  /** The file of API keys; undefined for none. */
  readonly keysFile: string | undefined
  /** Further API keys, as lines that key-record.ts reads. */
  readonly keys: readonly string[]
}

/** The name of the keys file, unless another one is named. */
export const keysFileName = 'mcplex.keys.json'

export const authOptions: OptionTable<AuthSettings> = {
  methods: {
    path: 'auth.methods',
    kind: 'list',
    flag: 'auth',
    about:
      'How clients prove who they are: `none` (they need not), or `keys` (an API key of `mcplex keys create`). Over stdio nothing is asked for, because the client has started mcplex itself.',
    default: ['none'],
    shape: { accepted: 'none or keys', test: (text) => /^(none|keys)$/.test(text) },
    why: 'Only this machine can reach the default address. Any other address needs keys, or --insecure.',
  },
  keysFile: {
    path: 'auth.keysFile',
    kind: 'text',
    isPath: true,
    flag: 'keys-file',
    about:
      'The file of API keys, which `mcplex keys` writes. It has hashes, no secrets. A change of it is applied within a second: streams and sessions of a revoked key end.',
    default: { derived: `${keysFileName} beside the configuration file, or in the current folder` },
    shape: { accepted: 'the path of a file', test: (text) => text !== '' && !text.includes('\0') },
    why: 'Whoever can write it can make keys, so it stands with the configuration, and no other user may write it.',
  },
  keys: {
    path: 'auth.keys',
    kind: 'list',
    about: 'Further API keys, each as the line that `mcplex keys create --line` prints: its id, its hash, whose it is.',
    default: [],
    shape: {
      accepted: 'a line of mcplex keys create --line: ID HASH tenant=acme subject=ann',
      test: (text) => readKeyLine(text) !== undefined,
    },
    why: 'For a configuration that is deployed as a whole. A hash is no secret; a key cannot be made from it.',
  },
}
