/** The settings `auth`: how clients prove who they are. */
import type { OptionTable } from '../base/option.ts'
import { isFetchable, readIssuerLine } from './issuer-line.ts'
import { readKeyLine } from './key-record.ts'
import { isScopeRule } from './scope-rules.ts'

export interface AuthSettings {
  /** Which credentials are accepted: `none` alone, or others side by side. */
  readonly methods: readonly string[]
  /** The file of API keys; undefined for none. */
  readonly keysFile: string | undefined
  /** Further API keys, as lines that key-record.ts reads. */
  readonly keys: readonly string[]
  /** The issuers whose tokens are accepted, as lines that issuer-line.ts reads. */
  readonly issuers: readonly string[]
  /** The URL under which clients know mcplex, without `/mcp`. */
  readonly publicUrl: string | undefined
  /** Which scopes requests need, as lines that scope-rules.ts reads. */
  readonly scopes: readonly string[]
}

/** An issuer that several lines name: which of them its tokens are to be checked by would be a guess. */
export function issuerNamedTwice(lines: readonly string[]): string | undefined {
  const issuers = lines.map((line) => readIssuerLine(line)?.issuer)
  return issuers.find((issuer, at) => issuer !== undefined && issuers.indexOf(issuer) !== at)
}

/** The name of the keys file, unless another one is named. */
export const keysFileName = 'mcplex.keys.json'

export const authOptions: OptionTable<AuthSettings> = {
  methods: {
    path: 'auth.methods',
    kind: 'list',
    flag: 'auth',
    about:
      'How clients prove who they are: `none` (they need not), or one or both of `keys` (an API key of `mcplex keys create`) and `oauth` (a token of one of `auth.issuers`, which stand in the file or in a variable). Over stdio nothing is asked for, because the client has started mcplex itself.',
    default: ['none'],
    shape: {
      accepted: 'none, or one or both of keys and oauth: --auth keys --auth oauth',
      test: (text) => /^(none|keys|oauth)$/.test(text),
    },
    why: 'Only this machine can reach the default address. Any other address needs credentials, or --insecure.',
  },
  keysFile: {
    path: 'auth.keysFile',
    kind: 'text',
    isPath: true,
    flag: 'keys-file',
    about:
      'The file of API keys, which `mcplex keys` writes. It has hashes, no secrets. A change of it is applied within a second: open requests of a revoked key end, and sessions whose subject has no key left.',
    default: { derived: `${keysFileName} beside the configuration file, or in the current folder` },
    shape: { accepted: 'the path of a file', test: (text) => text !== '' && !text.includes('\0') },
    why: 'A user who can write it can make keys, so it stands with the configuration, and no other user may write or own it, but for root.',
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
    why: 'So that keys are deployed together with the configuration. A hash is no secret; a key cannot be made from it.',
  },
  issuers: {
    path: 'auth.issuers',
    kind: 'list',
    about:
      'The OAuth authorization servers whose tokens (signed JWTs) are accepted, each as one line: its URL, and after it what is special: `tenantClaim=org_id` (the claim that names the tenant), `tenant=acme` (the tenant of tokens without that claim), `audience=mcplex` (in place of the URLs of the endpoints), `jwks=https://...` (where its keys are), `algorithms=RS256+ES256`.',
    default: [],
    shape: {
      accepted: 'a URL over https (or of this machine), and more: https://login.example.com tenantClaim=org_id',
      test: (text) => readIssuerLine(text) !== undefined,
    },
    why: 'Whom to trust is a decision.',
  },
  publicUrl: {
    path: 'auth.publicUrl',
    kind: 'text',
    about:
      'The URL under which clients know mcplex, without `/mcp`: tokens have to be for an endpoint below it, and clients are told there which issuers there are.',
    default: { derived: 'none' },
    shape: {
      accepted: 'a URL without a slash at its end: https://mcp.example.com',
      test: (text) => isFetchable(text) && !/[/?"\\]$/.test(text) && new URL(text).search === '' && !text.includes('?'),
    },
    why: 'mcplex does not know what stands in front of it, and what a client sends as its host is no proof.',
  },
  scopes: {
    path: 'auth.scopes',
    kind: 'list',
    about:
      'Which scopes requests need, each as a line: a scope, and the methods that need it, where `*` stands for any characters: `mcp:tools tools/*`. A request needs the scopes of all lines that name its method. API keys without scopes need none.',
    default: [],
    shape: {
      accepted: 'a scope and methods: mcp:tools tools/call tools/list',
      test: (text) => isScopeRule(text),
    },
    why: 'Without lines, a token that is good for the endpoint is good for everything there.',
  },
}
