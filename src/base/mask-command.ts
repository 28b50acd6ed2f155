/**
 * A command line without its secrets, for error messages and logs. Masked are values of options, variables, headers and
 * query parameters with a name of a secret (`--token`, `API_KEY`), user and password in a URL, and words that have the
 * form of well-known keys. In doubt a word is masked: the operator can look up the original where it was typed.
 */

const masked = '***'

/** If a word of a name ends like this, the value is a secret. */
const secretWord =
  /(?:token|secret|passw(?:or)?d|pwd|passphrase|apikey|authkey|accesskey|credentials?|bearer|cookie|jwt|dsn|signature)$/
/** These mean a secret only as a whole word of a name. */
const secretAlone = new Set(['key', 'pass', 'auth', 'authorization', 'pat', 'sig', 'pw', 'creds', 'otp', 'pin'])
/** With one of these as its last word, a name means something about the secret, not the secret itself. */
const about = new Set(['file', 'path', 'dir', 'name', 'type', 'length', 'ttl', 'limit', 'count', 'mode'])
/** The value is a file that holds the secret, as in `--tls-key server.pem`. */
const aFile = /\.(?:pem|key|crt|cer|p12|pfx|json|txt)$/
/** Headers that hold no secret and help to find a mistake. */
const openHeader = /^(?:accept|accept-language|content-type|host|origin|user-agent)$/i

/** Keys with a known form: OpenAI and similar, GitHub, GitLab, Slack, AWS, Google, npm, JWT. */
const knownKey =
  /\b(?:[spr]k[-_][\w-]{16,}|gh[a-z]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{10,}|A[KS]IA[0-9A-Z]{16}|AIza[\w-]{30,}|npm_\w{30,}|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?)/g

/**
 * Masks the secrets of a command line.
 * @param words the program and its arguments
 * @returns the same number of words, each with `***` in the place of a secret
 */
export function maskCommand(words: readonly string[]): string[] {
  return maskWords(words.map(maskInside))
}

/** The same for one word: a URL, or a whole command as `sh -c` takes it. */
export function maskWord(word: string): string {
  return maskInside(word)
}

/** Masks each word that is a secret because of the word before it. */
function maskWords(words: readonly string[]): string[] {
  return words.map((word, at) => {
    const before = words[at - 1]
    if (before === undefined || word === '') return word
    if (/^(?:-H|--headers?)$/.test(before)) return maskHeader(word)
    if (/^(?:-u|--user|--proxy-user)$/.test(before)) return word.replace(/^([^/\s:]+):(?!\/\/).+$/s, `$1:${masked}`)
    return asksForSecret(before) && !word.startsWith('--') && !aFile.test(word) ? masked : word
  })
}

/** Whether the next word is a secret: after `--token`, `-api-key`, or `X-Api-Key:` in a longer command. */
function asksForSecret(word: string): boolean {
  const name = /^(?:--?([A-Za-z][\w.-]*)|["']?([A-Za-z][\w-]*):)$/.exec(word)
  return name !== null && isSecretName(name[1] ?? name[2] ?? '')
}

/** Masks the secrets that a word shows by itself. */
function maskInside(word: string): string {
  const text = maskNamed(maskText(word))
  // A whole command in one word, as for `sh -c`.
  if (/\s/.test(text)) {
    const parts = text.split(/(\s+)/)
    const inner = maskWords(parts.filter((_, at) => at % 2 === 0).map((part) => maskNamed(part)))
    return parts.map((part, at) => (at % 2 === 0 ? (inner[at / 2] ?? part) : part)).join('')
  }
  return text
}

/** Masks the value of `NAME=value`, `--name=value`, `Name:value` and `--env=NAME=value`. */
function maskNamed(word: string, isInner = false): string {
  const named = /^(["']?[-/]{0,2}([A-Za-z_][\w.-]*)(?:=|:(?!\/\/)\s*))(.+)$/s.exec(word)
  if (!named) return word
  const [, head = '', name = '', value = ''] = named
  if (isSecretName(name)) return aFile.test(value) ? word : head + masked
  if (/^headers?$/.test(name)) return head + maskHeader(value)
  return isInner ? word : head + maskNamed(value, true)
}

function maskHeader(text: string): string {
  const [, head = '', name = ''] = /^((["']?[\w-]+)\s*[:=]\s*)\S/s.exec(text) ?? []
  return head === '' || openHeader.test(name) ? text : head + masked
}

/** Masks secrets that can be recognized anywhere in a text. */
function maskText(text: string): string {
  return text
    .replaceAll(
      /([a-z][a-z0-9+.-]{0,30}:\/\/)(?:[^\s:@/?#]{0,512}:[^\s@]{0,2048}|[^\s/?#@]{0,2048})@/gi,
      `$1${masked}@`,
    )
    .replaceAll(/([?&;#]([^=&#;?\s]{1,256})=)([^&#\s"']+)/g, (whole, head: string, name: string) =>
      isSecretName(name) || name === 'code' ? head + masked : whole,
    )
    .replaceAll(
      /((["'])([\w.-]{1,256})\2\s*:\s*)(["'])(?:\\.|(?!\4)[^\\])*\4/g,
      (whole, head: string, _, name: string) => (isSecretName(name) ? `${head}"${masked}"` : whole),
    )
    .replaceAll(/\b(Bearer|Basic)\s+[^\s"']+/gi, `$1 ${masked}`)
    .replaceAll(knownKey, masked)
}

/** True for `--api-key`, `apiKey`, `GITHUB_TOKEN`, `X-Api-Key`; false for `--key-file`, `--max-tokens`, `--no-auth`. */
function isSecretName(name: string): boolean {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
  if (words[0] === 'no' || words[0] === 'public' || about.has(words.at(-1) ?? '')) return false
  return words.some((word) => secretWord.test(word) || secretAlone.has(word))
}
